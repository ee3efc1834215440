#[polywire::payload]
fn function() {}

#[polywire::payload(open)]
struct Argument {
    sku: String,
}

fn main() {}
