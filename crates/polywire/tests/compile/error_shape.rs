#[polywire::error]
struct NotAnEnum;

#[polywire::error]
enum NoFallback {
    Closed,
}

#[polywire::error]
enum Early {
    #[fallback]
    Unknown,
    Closed,
}

#[polywire::error]
enum Fields {
    Two(String, u32),
    #[fallback]
    Unknown { code: String },
}

#[polywire::error(closed)]
enum Texts {
    /// no {article}
    NoArticle { sku: String },
    /// closed {
    Closed,
}

#[polywire::error(closed)]
enum Codes {
    Sold,
    #[serde(rename = "sold")]
    Gone,
    #[serde(rename = "Sold Out")]
    SoldOut,
}

#[polywire::error(closed)]
#[serde(tag = "kind")]
enum Tagged {
    Closed,
}

#[polywire::error(open)]
enum Argument {
    Closed,
}

#[polywire::error(closed)]
enum Generic<T> {
    Content(T),
}

fn main() {}
