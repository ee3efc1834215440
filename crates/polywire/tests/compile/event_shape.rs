#[polywire::contract(name = "orders", version = "1.4.0")]
trait Orders {
    #[event]
    fn asked(&self, event: String);
    #[event]
    fn answered(event: String) -> Result<(), String>;
    #[event]
    async fn awaited(event: String);
    #[event]
    #[idempotent]
    fn twice(event: String);
    #[event]
    #[command]
    fn both(event: String);
}

fn main() {}
