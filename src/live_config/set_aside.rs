//! Issuers created by operators that are not in force, why, and what becomes of their sessions.
//!
//! One that conflicts with the file gives way to what the file's writer wants, and its sessions end. One
//! whose own settings cannot be used was not taken away by anybody: a newer version may refuse what an older
//! one stored. Nor was one that conflicts with another in the store, since nobody could have created both:
//! a newer version reads them otherwise. Their sessions are refused while they are not in force, and do not
//! end.

use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::ToSchema;

use crate::config::load::made::SetAside;
use crate::diagnostic::Diagnostic;

/// An issuer created by an operator that is not in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConflictingIssuer {
    /// The issuer's name.
    pub name: String,
    /// Why it is not in force.
    pub reason: String,
}

/// Why an issuer is not in force.
#[derive(Debug)]
pub(super) enum Refused {
    /// The file has an issuer with its name.
    NameTaken,
    /// It is not what was stored.
    Damaged,
    /// It cannot be used.
    SetAside(SetAside),
    /// It cannot be used together with others that operators created; with the file it could.
    Crowded(SetAside),
}

impl Refused {
    /// The reason in words, with what to do where that is not to change the file.
    pub(super) fn reason(&self, name: &str) -> String {
        let mend = format!(
            "correct it with `vestibule issuers replace` or `PUT /admin/api/issuers/{name}`, or delete it there or \
             on the dashboard; until then its tokens are refused and its sessions are kept"
        );
        match self {
            Self::NameTaken => "the configuration file has an issuer with this name".to_owned(),
            Self::Damaged => format!("damaged in the store; {mend}"),
            Self::SetAside(SetAside::Taken { why, .. }) => said(why),
            Self::Crowded(SetAside::Taken { why, .. }) => format!("{}; {mend}", said(why)),
            Self::SetAside(SetAside::Unusable { why, .. })
            | Self::Crowded(SetAside::Unusable { why, .. }) => {
                let why = said(why);
                format!("its own settings cannot be used by this version: {why}; {mend}")
            }
        }
    }
}

fn said(why: &[Diagnostic]) -> String {
    let lines: Vec<_> = why.iter().map(ToString::to_string).collect();
    lines.join("; ")
}

/// Whose sessions do not end although no issuer with this `iss` is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Spared {
    iss: BTreeSet<String>,
    /// Everybody's, since it cannot be read whose.
    all: bool,
}

impl Spared {
    /// Adds those of an issuer that is not in force.
    pub(super) fn add(&mut self, refused: &Refused) {
        match refused {
            Refused::NameTaken | Refused::SetAside(SetAside::Taken { .. }) => {}
            Refused::SetAside(SetAside::Unusable { iss: Some(iss), .. })
            | Refused::Crowded(
                SetAside::Unusable { iss: Some(iss), .. } | SetAside::Taken { iss, .. },
            ) => self.iss.extend(iss.iter().cloned()),
            Refused::Damaged
            | Refused::SetAside(SetAside::Unusable { iss: None, .. })
            | Refused::Crowded(SetAside::Unusable { iss: None, .. }) => self.all = true,
        }
    }

    /// Whether they do not end.
    pub(super) fn has(&self, iss: &str) -> bool {
        self.all || self.iss.contains(iss)
    }
}
