//! What all templates have in common.

use std::fs;
use std::path::Path;

/// Enter in a field, or in a tick box, presses the first button of its form. That must not be one that leads
/// elsewhere than the form itself, such as to the first row of a list.
#[test]
fn enter_in_a_field_does_what_its_form_is_for() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/dashboard");
    let mut with_several = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        for form in text.split("<form").skip(1) {
            let form = form.split("</form>").next().unwrap();
            let buttons = form.split("<button").skip(1);
            let tags = buttons.map(|button| button.split('>').next().unwrap());
            let presses =
                |tag: &&str| !tag.contains("type=\"button\"") && !tag.contains(" form=\"");
            let own: Vec<&str> = tags.filter(presses).collect();
            let leads_elsewhere = |tag: &&str| tag.contains(" formaction=\"");
            with_several += usize::from(own.iter().any(leads_elsewhere));
            assert!(
                !own.first().is_some_and(leads_elsewhere),
                "{}: {own:?}",
                path.display()
            );
        }
    }
    assert!(
        with_several > 0,
        "no form has a button that leads elsewhere"
    );
}
