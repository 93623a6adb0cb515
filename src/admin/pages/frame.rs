//! What every page shows around its content: the menu, whose gateway it is, who looks, and what was
//! just done.

use std::borrow::Cow;

use super::{
    ACCESS_LISTS, AUDIT, EXTERNAL, KEYS, OVERVIEW, REFUSALS, ROUTES, SESSIONS, TOKENS, USERS,
    WEBHOOKS, moment,
};
use crate::admin::access::Operator;
use crate::admin::browser::DashboardUser;
use crate::admin::notice::Notice;
use crate::clock::UnixTime;
use crate::operator::Role;

/// The frame of one page.
pub(in crate::admin) struct Frame {
    /// The address of the menu's entry that the page belongs to.
    pub(super) section: &'static str,
    pub(super) title: Cow<'static, str>,
    pub(super) dashboard_user: DashboardUser,
}

/// Entries of the menu that belong together.
pub(super) struct Group {
    /// Their heading; empty for none.
    pub(super) title: &'static str,
    pub(super) entries: &'static [Entry],
}

/// One entry of the menu.
pub(super) struct Entry {
    pub(super) address: &'static str,
    pub(super) title: &'static str,
    /// The `d` attribute of a path in a square of 24 units, drawn as a line.
    pub(super) icon: &'static str,
}

impl Frame {
    pub(super) fn new(
        section: &'static str,
        title: impl Into<Cow<'static, str>>,
        dashboard_user: DashboardUser,
    ) -> Self {
        Self {
            section,
            title: title.into(),
            dashboard_user,
        }
    }

    /// What each form repeats.
    pub(super) fn csrf(&self) -> &str {
        &self.dashboard_user.csrf
    }

    pub(super) fn operator(&self) -> &Operator {
        &self.dashboard_user.operator
    }

    /// Whether forms that change something are shown.
    pub(super) fn may_change(&self) -> bool {
        self.dashboard_user.operator.role == Role::Admin
    }

    pub(super) fn menu(&self) -> &'static [Group] {
        &MENU
    }

    /// The title of the menu's entry that the page belongs to.
    pub(super) fn section_title(&self) -> &'static str {
        let mut entries = MENU.iter().flat_map(|group| group.entries);
        let entry = entries.find(|entry| entry.address == self.section);
        entry.map_or("", |entry| entry.title)
    }

    /// What was just done.
    pub(super) fn notice(&self) -> Option<&'static Notice> {
        self.dashboard_user.visit.notice
    }

    /// When what is shown was so.
    pub(super) fn now(&self) -> String {
        moment(&UnixTime::now())
    }

    /// The address of the page, without what was just done.
    pub(super) fn address(&self) -> &str {
        &self.dashboard_user.visit.address
    }

    /// The host of the gateway's public address.
    pub(super) fn gateway(&self) -> &str {
        &self.dashboard_user.visit.gateway
    }

    pub(super) fn environment(&self) -> String {
        self.dashboard_user.visit.environment.to_string()
    }

    pub(super) fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}

/// The address of the menu's entry that a page belongs to by its own address.
pub(super) fn section_of(address: &str) -> &'static str {
    let entries = MENU.iter().flat_map(|group| group.entries);
    let is_below = |entry: &&'static str| {
        let rest = address.strip_prefix(*entry);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
    };
    let above = entries.map(|entry| entry.address).filter(is_below);
    above.max_by_key(|entry| entry.len()).unwrap_or(OVERVIEW)
}

const MENU: [Group; 4] = [
    Group {
        title: "",
        entries: &[Entry {
            address: OVERVIEW,
            title: "Overview",
            icon: "M4 20V10M10 20V4M16 20v-7M22 20H2",
        }],
    },
    Group {
        title: "People",
        entries: &[
            Entry {
                address: USERS,
                title: "Users",
                icon: "M9 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM2 21v-1a6 6 0 0 1 6-6h2a6 6 0 0 1 6 6v1\
                       M17 4a4 4 0 0 1 0 7M19 14.5a6 6 0 0 1 3 5.5v1",
            },
            Entry {
                address: SESSIONS,
                title: "Sessions",
                icon: "M3 5h18v11H3zM8 20h8M12 16v4",
            },
        ],
    },
    Group {
        title: "Access",
        entries: &[
            Entry {
                address: EXTERNAL,
                title: "External authentication",
                icon: "M12 2l8 3v6c0 5-3.4 9-8 11-4.6-2-8-6-8-11V5zM8.5 12l2.5 2.5 4.5-5",
            },
            Entry {
                address: ACCESS_LISTS,
                title: "Access lists",
                icon: "M9 6h12M9 12h12M9 18h12M3 6l1.5 1.5L7 4.5M3 12l1.5 1.5L7 10.5M3 18h3",
            },
            Entry {
                address: ROUTES,
                title: "Routes and upstreams",
                icon: "M6 3v12M6 21a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM18 9a3 3 0 1 0 0-6 3 3 0 0 0 0 6z\
                       M18 9c0 5-6 4-9.4 7",
            },
            Entry {
                address: REFUSALS,
                title: "Refusals",
                icon: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM5.6 5.6l12.8 12.8",
            },
        ],
    },
    Group {
        title: "Gateway",
        entries: &[
            Entry {
                address: KEYS,
                title: "Signing keys",
                icon: "M8 20a5 5 0 1 0 0-10 5 5 0 0 0 0 10zM11.5 11.5L21 2M16 7l4 4",
            },
            Entry {
                address: WEBHOOKS,
                title: "Webhooks",
                icon: "M4 12h13M12 7l5 5-5 5M21 4v16",
            },
            Entry {
                address: TOKENS,
                title: "Admin tokens",
                icon: "M3 7h18v10H3zM7 12h.01M12 12h.01M17 12h.01",
            },
            Entry {
                address: AUDIT,
                title: "Audit log",
                icon: "M6 2h9l4 4v16H6zM9 11h7M9 15h7M9 7h3",
            },
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_of_the_menu_is_documented_with_its_operation() {
        let page = include_str!("../../../docs/dashboard.md");
        for entry in MENU.iter().flat_map(|group| group.entries) {
            let row = format!("| {}", entry.title);
            let rows = page.lines().filter(|line| line.starts_with(&row)).count();
            assert_eq!(rows, 2, "docs/dashboard.md has two tables: {}", entry.title);
        }
    }
}
