#[polywire::contract(name = "Orders", version = "1.4.0")]
trait UpperCase {}

#[polywire::contract(name = "orders/eu", version = "1.4.0")]
trait Slash {}

fn main() {}
