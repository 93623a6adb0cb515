//! The workload by which a release is optimised (`make release`): some of everything that a gateway
//! in use does, always as much, in half a minute. Where a gateway writes what it counted is for the one
//! that instrumented it to say; those of the compiler are told here.

use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use crate::gateway::{Gateway, Issuer, add_tls};
use crate::requests::{CLOSED, OPEN, bearer, cookie, get, post};
use crate::tls::Tls;
use crate::token::decode;
use crate::upstream::KILOBYTE;
use crate::ways::{Clients, Doors, Way};
use crate::websocket;
use crate::work::start_upstream;

/// Lets gateways by this binary work. What the compiler's instrumentation counts goes into files in that
/// folder.
pub fn run(folder: &Path, binary: &str) {
    let issuer = Issuer::new();
    let directory = TempDir::new().unwrap();
    let (upstream, _process) = start_upstream(&directory);
    let tls = Tls::new(directory.path());
    let counts = format!("LLVM_PROFILE_FILE={}/%p.profraw", folder.display());
    for log in [false, true] {
        let mut address = None;
        let gateway = Gateway::start_by(&["env", &counts, binary], &issuer, upstream, |config| {
            address = Some(add_tls(config, &tls));
            config["log"]["access"] = json!(log);
        });
        let doors = Doors {
            plain: gateway.public,
            tls: address.unwrap(),
        };
        serve(&doors, &Clients::new(&tls), &issuer);
        gateway.process.stop();
    }
}

fn serve(doors: &Doors, clients: &Clients, issuer: &Issuer) {
    let known = issuer.token(0);
    let signature = decode(&known).signature;
    let authorization = format!("Bearer {known}");
    let fields = [("Authorization", &*authorization)];
    let thousand = each(&issuer.tokens(1..1001));
    let new = each(&issuer.tokens(NEW..NEW + 3000));
    let by_other_key = each(&issuer.es256_tokens(NEW_BY_OTHER_KEY..NEW_BY_OTHER_KEY + 1000));
    let renewed = each(&issuer.renewed_tokens(3000));
    let forged: Vec<_> = (0..1000)
        .map(|user| issuer.forged(NEW + user, &signature))
        .collect();
    let forged = each(&forged);
    let same = [bearer(CLOSED, &known)];
    let large = [get(&format!("/auth{KILOBYTE}"), &fields)];
    let open = [get(OPEN, &[])];
    let body = [post(CLOSED, &fields, &[b'x'; 2048])];
    let closing = [get(
        CLOSED,
        &[("Connection", "close"), ("Authorization", &authorization)],
    )];
    let cookies = [
        cookie(CLOSED, &known, 0),
        cookie(CLOSED, &known, 0),
        cookie(CLOSED, &known, 8 * 1024),
    ];
    let (nobody, nowhere) = ([get(CLOSED, &[])], [get("/nowhere", &fields)]);
    let works: [(Way, &[Vec<u8>], usize, u16); 21] = [
        (Way::Plain, &same, 6000, 200),
        (Way::Plain, &large, 6000, 200),
        (Way::Plain, &thousand, 6000, 200),
        (Way::Plain, &cookies, 3000, 200),
        (Way::Plain, &open, 3000, 200),
        (Way::Plain, &body, 1000, 200),
        (Way::Plain, &new, new.len(), 200),
        (Way::Plain, &by_other_key, by_other_key.len(), 200),
        (Way::Plain, &renewed, renewed.len(), 200),
        (Way::Plain, &forged, forged.len(), 401),
        (Way::Plain, &nobody, 1000, 401),
        (Way::Plain, &nowhere, 500, 404),
        (Way::Plain, &closing, 500, 200),
        (Way::Tls, &same, 4000, 200),
        (Way::Tls, &large, 4000, 200),
        (Way::Http2, &same, 4000, 200),
        (Way::Http2, &large, 4000, 200),
        (Way::Http2, &thousand, 4000, 200),
        (Way::Http2, &forged, forged.len(), 401),
        (Way::Handshake, &closing, 1000, 200),
        (Way::Resumption, &closing, 1000, 200),
    ];
    for (way, requests, count, status) in works {
        let answers = clients.ask(way, doors, requests, count);
        let right = answers.by_status.get(&status);
        assert_eq!(right, Some(&count), "{}: {answers:?}", way.name());
    }
    let upgrade = websocket::request(CLOSED, &fields);
    for _ in 0..100 {
        websocket::talk(doors.plain, &upgrade, 20, &[60, 1200, 16_000]);
    }
}

fn each(tokens: &[String]) -> Vec<Vec<u8>> {
    tokens.iter().map(|token| bearer(CLOSED, token)).collect()
}

/// The first user whose token comes once.
const NEW: usize = 10_000;
/// The same of tokens by the issuer's other key.
const NEW_BY_OTHER_KEY: usize = 20_000;
