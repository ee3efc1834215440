//! `polywire webhook rotate` and `test`.

use super::open::{Id, Opened, told};
use super::print;
use crate::format::Format;

pub(super) async fn rotate(opened: &Opened, id: &Id, format: Format) -> Result<bool, String> {
    if let Some(why) = &opened.nameless {
        return Err(why.clone());
    }
    opened.subscription(id).await?;
    let rotated = opened.operator.rotate(id).await.map_err(told)?;
    print::rotated(&rotated, format)?;
    Ok(rotated.signs)
}

pub(super) async fn test(opened: &Opened, id: &Id, format: Format) -> Result<bool, String> {
    opened.subscription(id).await?;
    let tested = opened.operator.test(id).await.map_err(told)?;
    print::tested(&tested, format)?;
    Ok(tested.accepted)
}
