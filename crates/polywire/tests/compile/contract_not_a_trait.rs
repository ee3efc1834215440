#[polywire::contract(name = "orders", version = "1.4.0")]
struct Orders {
    sku: String,
}

fn main() {}
