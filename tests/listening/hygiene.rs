//! `docs/hygiene.md` names a test for each of its rows; each of these is there.

use std::path::Path;

const TABLE: &str = include_str!("../../docs/hygiene.md");

#[test]
fn each_row_names_what_shows_it() {
    let rows: Vec<&str> = TABLE
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| ---"))
        .filter(|line| !line.ends_with("| shown by |"))
        .collect();
    assert!(rows.len() > 30, "the table has only {} rows", rows.len());
    for row in rows {
        let proofs = proofs(row);
        assert!(!proofs.is_empty(), "nothing shows:\n{row}");
        for proof in proofs {
            assert!(exists(proof), "`{proof}` is not there:\n{row}");
        }
    }
}

#[test]
fn a_test_that_is_not_there_is_noticed() {
    assert!(exists(
        "tests/listening/hygiene.rs::a_test_that_is_not_there_is_noticed"
    ));
    assert!(!exists(
        "tests/listening/hygiene.rs::a_test_that_is_not_there"
    ));
    assert!(!exists("tests/no_such_file.rs::a_test"));
    assert!(proofs("| a | b `c` | none |").is_empty());
}

/// What the last column of a row names, in backticks.
fn proofs(row: &str) -> Vec<&str> {
    let column = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
    column.split('`').skip(1).step_by(2).collect()
}

/// Whether `file::test` is a Rust function, `file::title` a test of a real peer by its title or
/// function, and `file::text` a text in a file of another kind.
fn exists(proof: &str) -> bool {
    let (file, name) = proof.split_once("::").expect("`file::test`");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let Ok(text) = std::fs::read_to_string(path) else {
        return false;
    };
    match file.rsplit('.').next() {
        Some("rs") => text.contains(&format!("fn {name}(")),
        Some("mjs") => text.contains(&format!("'{name}'")),
        Some("py") => text.contains(&format!("def {name}(")),
        _ => text.contains(name),
    }
}
