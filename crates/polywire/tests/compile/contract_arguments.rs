#[polywire::contract(name = "orders", verison = "1.4.0")]
trait Misspelt {}

#[polywire::contract(name = "orders", name = "orders", version = "1.4.0")]
trait Twice {}

#[polywire::contract(name = "orders", version = "1.4.0", crate = "polywire")]
trait Quoted {}

fn main() {}
