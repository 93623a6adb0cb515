//! Variables, which are not expanded.

use super::*;

#[test]
fn texts_with_variables_are_taken_as_they_stand() {
    let warnings = |text: &str| -> Vec<String> {
        let loaded = Loaded::parse(text.as_bytes()).unwrap();
        let warnings = loaded.warnings.iter().map(Diagnostic::to_string);
        warnings.filter(|it| it.contains("variable")).collect()
    };
    let expected = "9:10: warning: issuers[0].aud: the variable in this text is not expanded: it is taken as it \
                    stands; only secrets are read from the environment, by `env:NAME`";
    for aud in ["${AUD}", "${AUD:-app}", "$AUD", "app-${env_name}"] {
        let text = GOOD.replace("leeway: 30s", &format!("aud: {aud}"));
        assert_eq!(warnings(&text), [expected], "{aud}");
    }
    for aud in ["AUD", "$", "$5", "a$AUD", "'$aud'", "'{AUD}'", "'${}'"] {
        let text = GOOD.replace("leeway: 30s", &format!("aud: {aud}"));
        assert_eq!(warnings(&text), [""; 0], "{aud}");
    }
    let answer = GOOD.replace(
        "auth: none\n    upstream: app",
        "auth: none\n    respond: {status: 200, body: '${name}'}",
    );
    assert_ne!(answer, GOOD);
    assert_eq!(warnings(&answer), [""; 0]);
}
