(component
  (type $r (resource (rep i32)))
  (export $r' "handle" (type $r))
  (core module $m (func (export "f") (param i32)))
  (core instance $i (instantiate $m))
  (func $f (param "self" (borrow $r')) (canon lift (core func $i "f")))
  (export "[method]handle.close" (func $f)))
