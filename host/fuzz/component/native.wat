(component
  (import "wasi:clocks/wall-clock@0.2.6" (instance))
  (import "wasi:http/outgoing-handler@0.2.0" (instance))
  (import "cofferdam:tool/progress@1.0.0" (instance))
  (core module $m
    (memory 1)
    (data (i32.const 0) "0123456789")
    (func (export "f") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1))))
  (core instance $i (instantiate $m))
  (func $f (param "x" u32) (result u32) (canon lift (core func $i "f")))
  (instance $tools (export "add-one" (func $f)))
  (export "cofferdam:tool/tools@1.0.0" (instance $tools)))
