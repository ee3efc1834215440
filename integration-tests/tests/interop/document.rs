//! The document shows code that runs: each of its blocks in another language stands in the program of that language.

use std::path::Path;

/// Blocks of a Markdown text, with what follows their first fence.
fn blocks(text: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push((language.to_owned(), block.join("\n")));
        }
    }
    blocks
}

/// How many blocks of Python and of JavaScript a page has.
fn shown(page: &str) -> [usize; 2] {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let mut found = [("python", "peer.py", 0), ("js", "peer.js", 0)];
    for (language, block) in blocks(&read(&format!("docs/interop/{page}.md"))) {
        let Some((_, program, count)) = found.iter_mut().find(|(name, ..)| *name == language)
        else {
            assert_eq!(language, "text", "{block}");
            continue;
        };
        let program = read(&format!("integration-tests/interop/{page}/{program}"));
        assert!(
            program.contains(&block),
            "in no program of {language}:\n{block}"
        );
        *count += 1;
    }
    found.map(|(.., count)| count)
}

#[test]
fn every_block_stands_in_the_program_of_its_language() {
    // Call, send, publish and consume.
    assert_eq!(shown("amqp"), [4, 4]);
    // Keys, a sink, subscribing, waiting, rotating, registering, requests and replies.
    assert_eq!(shown("webhook"), [8, 8]);
}
