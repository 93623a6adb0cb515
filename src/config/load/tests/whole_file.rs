//! The file as a whole: its format, its size, and how its problems are shown.

use super::*;

#[test]
fn what_is_no_mapping_at_all() {
    assert_eq!(problems(""), ["1:1: empty"]);
    assert_eq!(problems("- a"), ["1:1: expected a mapping, found a list"]);
    assert_eq!(
        problems("a: b: c"),
        [
            "1:5: not YAML: mapping values are not allowed in this context; compare the indentation of \
                this line with that of the lines above"
        ]
    );
    let tab = problems("a:\n\tb: 1");
    assert!(
        tab[0].ends_with("; YAML is indented with spaces, not with tabs"),
        "{tab:?}"
    );
    let found = parse(b"a: 1\nb: \xff\n").unwrap_err();
    assert_eq!(
        found[0].to_string(),
        "2:1: not UTF-8; save the file as UTF-8"
    );
}

#[test]
fn a_file_is_read_up_to_its_bound() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    let filled = |size: u64| {
        let mut text = GOOD.to_owned();
        text.push('#');
        text.extend(std::iter::repeat_n('x', size as usize - text.len()));
        std::fs::write(&file, text).unwrap();
        load(&file)
    };
    assert!(filled(MAX_FILE).is_ok());
    assert!(matches!(
        filled(MAX_FILE + 1),
        Err(ConfigError::TooLarge(_))
    ));
    let missing = load(&folder.path().join("none.yaml"))
        .unwrap_err()
        .to_string();
    assert!(
        missing.ends_with("none.yaml: No such file or directory (os error 2)"),
        "{missing}"
    );
}

#[test]
fn an_error_is_one_line_a_problem_with_the_files_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    std::fs::write(
        &file,
        GOOD.replace("leeway", "leway").replace("auth:", "aut:"),
    )
    .unwrap();
    let shown = load(&file).unwrap_err().to_string();
    let shown = shown.replace(&format!("{}/", folder.path().display()), "");
    assert_eq!(
        shown,
        "config.yaml:9:5: issuers[0].leway: unknown key; did you mean `leeway`?\n\
         config.yaml:20:5: routes[1].aut: unknown key; did you mean `auth`?"
    );
}
