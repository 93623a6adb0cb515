//! Whose tokens a key verifies, where its entry in the set names an issuer.

use super::{IssuerSettings, TENANT_PLACEHOLDER};

impl IssuerSettings {
    /// Whether a key whose entry names this issuer, by an `iss` or by a template of it, verifies tokens of this
    /// one: of the given tenant, or of the only `iss` there is. A key set names an issuer in one spelling,
    /// whichever its tokens have.
    pub fn is_named_by_key(&self, named: &str, tenant: Option<&str>) -> bool {
        let aliases = self.iss_aliases.iter().chain(&self.preset_aliases);
        let mut spellings = [&self.iss].into_iter().chain(aliases);
        spellings.any(|spelling| {
            let iss = match tenant {
                Some(tenant) => spelling.replace(TENANT_PLACEHOLDER, tenant),
                None => spelling.clone(),
            };
            let is_named = |iss: &String| is_named(iss, named, tenant);
            is_named(&iss) || known_spellings(&iss).iter().any(is_named)
        })
    }
}

/// Without a given tenant, a template names the issuer if it does so for any tenant.
fn is_named(iss: &str, named: &str, tenant: Option<&str>) -> bool {
    match tenant {
        Some(tenant) => named.replace(TENANT_PLACEHOLDER, tenant) == iss,
        None => named == iss || tenant_in(iss, named).is_some(),
    }
}

/// The tenant for which a template stands for this `iss`, in each of its places.
fn tenant_in<'a>(iss: &'a str, template: &str) -> Option<&'a str> {
    let places = template.matches(TENANT_PLACEHOLDER).count();
    let fixed = template.len() - places * TENANT_PLACEHOLDER.len();
    let length = iss.len().checked_sub(fixed)?.checked_div(places)?;
    let start = template.find(TENANT_PLACEHOLDER)?;
    let tenant = iss.get(start..start + length)?;
    let is_tenant = !tenant.is_empty() && !tenant.contains('/');
    (is_tenant && template.replace(TENANT_PLACEHOLDER, tenant) == iss).then_some(tenant)
}

/// The spellings that an issuer is known to have.
fn known_spellings(iss: &str) -> Vec<String> {
    let mut known = Vec::new();
    for cloud in ENTRA {
        let tenant = cloud.iter().find_map(|template| tenant_in(iss, template));
        if let Some(tenant) = tenant {
            let spelling = |template: &&str| template.replace(TENANT_PLACEHOLDER, tenant);
            known.extend(cloud.iter().map(spelling));
        }
    }
    known
}

/// How the tokens of Microsoft Entra ID spell a tenant in each of its clouds: by version 2.0, by version 1.0,
/// and by External ID. The keys are the same, and their entries have one of these.
const ENTRA: [&[&str]; 3] = [
    &[
        "https://login.microsoftonline.com/{tenantid}/v2.0",
        "https://sts.windows.net/{tenantid}/",
        "https://{tenantid}.ciamlogin.com/{tenantid}/v2.0",
    ],
    &[
        "https://login.microsoftonline.us/{tenantid}/v2.0",
        "https://sts.windows.net/{tenantid}/",
    ],
    &[
        "https://login.partner.microsoftonline.cn/{tenantid}/v2.0",
        "https://sts.chinacloudapi.cn/{tenantid}/",
    ],
];
