fn main() {
    for e in std::env::args().skip(1) {
        println!("{e} => {:?}", calculate::calculate(calculate::Args { expression: e.clone() }));
    }
}
