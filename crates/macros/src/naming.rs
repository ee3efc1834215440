//! Names: what a contract allows, and how Rust spells them.

/// The longest name of a contract or interaction, in bytes.
const MAX: usize = 100;

/// Why a text is no name of a contract, with what would be one; `None` when it is.
pub(crate) fn refuse(what: &str, text: &str) -> Option<String> {
    let letters =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    let valid = text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(letters)
        && text.len() <= MAX;
    (!valid).then(|| format!("{what} {text:?} is not valid: write 1 to 100 of a-z, 0-9, \".\", \"_\", \"-\", beginning with a letter"))
}

/// `OrdersV2` as `orders_v2`, `HTTPOrders` as `http_orders`.
pub(crate) fn snake(camel: &str) -> String {
    let letters: Vec<char> = camel.chars().collect();
    let mut snake = String::with_capacity(camel.len() + 4);
    for (at, letter) in letters.iter().enumerate() {
        let previous = at.checked_sub(1).and_then(|before| letters.get(before));
        let after_lower = previous.is_some_and(|before| !before.is_uppercase() && *before != '_');
        let ends_acronym = previous.is_some_and(|before| before.is_uppercase())
            && letters.get(at + 1).is_some_and(|next| next.is_lowercase());
        if letter.is_uppercase() && (after_lower || ends_acronym) {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

/// `NoArticle` as `no_article`, exactly as serde's `snake_case` writes a variant.
pub(crate) fn code(variant: &str) -> String {
    let mut code = String::with_capacity(variant.len() + 4);
    for (at, letter) in variant.char_indices() {
        if at > 0 && letter.is_uppercase() {
            code.push('_');
        }
        code.push(letter.to_ascii_lowercase());
    }
    code
}

/// `order_shipped` as `OrderShipped`.
pub(crate) fn camel(snake: &str) -> String {
    let mut camel = String::with_capacity(snake.len());
    for word in snake.split('_') {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_convert() {
        assert_eq!(
            ["Orders", "OrdersV2", "HTTPOrders", "Orders_Old"].map(snake),
            ["orders", "orders_v2", "http_orders", "orders_old"]
        );
        assert_eq!(
            ["NoArticle", "Busy", "HTTPDown"].map(code),
            ["no_article", "busy", "h_t_t_p_down"]
        );
        assert_eq!(
            ["shipped", "order_shipped", "v2_done"].map(camel),
            ["Shipped", "OrderShipped", "V2Done"]
        );
    }

    #[test]
    fn names_are_checked() {
        for good in ["orders", "a", "acme.orders-v_2"] {
            assert_eq!(refuse("contract name", good), None, "{good}");
        }
        for bad in [
            "",
            "Orders",
            "1st",
            "orders/eu",
            "\u{f6}rders",
            &"a".repeat(101),
        ] {
            let text = refuse("contract name", bad).unwrap_or_default();
            assert!(
                text.starts_with(&format!(
                    "contract name {bad:?} is not valid: write 1 to 100 of a-z"
                )),
                "{bad}: {text}"
            );
        }
    }
}
