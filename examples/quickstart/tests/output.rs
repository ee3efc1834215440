//! The example prints what its readers are told.

use std::process::Command;

#[test]
fn it_prints_what_is_expected() {
    let output = Command::new(env!("CARGO_BIN_EXE_quickstart"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "3 pens cost 750 cents\norder 7 was shipped\n"
    );
    assert!(output.status.success());
}
