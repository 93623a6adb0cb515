//! Is there one reading of where a request begins, ends, and what it holds?

use crate::doctor::catalogue::{
    FRAME_BOTH, FRAME_CHUNK, FRAME_CONTROL, FRAME_FOLD, FRAME_H2C, FRAME_LENGTH, FRAME_LINE,
    FRAME_TE, HEAD_UNBOUNDED, HOST_DUPLICATED,
};
use crate::doctor::echo::Forwarded;
use crate::doctor::probe::{Probe, quoted};
use crate::doctor::request::Request;
use crate::doctor::site::Site;

/// Bodies, field lines and request lines that have more than one reading.
pub(super) fn probes(site: &Site) -> Vec<Probe> {
    let get = || site.arriving_by("GET", &site.target.path);
    let mut probes = Vec::new();
    let mut add = |request: Option<Request>, probe: &dyn Fn(Request) -> Probe| {
        probes.extend(request.map(probe));
    };
    add(
        get().map(|request| {
            let request = request.field("Content-Length", "5");
            request
                .field("Transfer-Encoding", "chunked")
                .body(b"0\r\n\r\n")
        }),
        &|request| Probe::on_arrival(&FRAME_BOTH, request, both),
    );
    for line in CODINGS {
        let request = get().map(|request| {
            let request = request.raw(line).field("Content-Length", "5");
            request.body(b"0\r\n\r\n")
        });
        add(request, &|request| {
            Probe::on_arrival(&FRAME_TE, request, coding)
        });
    }
    for lines in LENGTHS {
        let request = get().map(|request| {
            let request = lines
                .iter()
                .fold(request, |request, line| request.raw(line));
            request.body(b"hello")
        });
        add(request, &|request| {
            Probe::passes(&FRAME_LENGTH, request, true)
        });
    }
    for body in CHUNKS {
        let request = get().map(|request| request.field("Transfer-Encoding", "chunked").body(body));
        add(request, &|request| accepted(request));
    }
    for line in ["X-Doctor: a\0doctor-control", "X-Doctor: a\rdoctor-control"] {
        add(get().map(|request| request.raw(line)), &|request| {
            Probe::on_arrival(&FRAME_CONTROL, request, control)
        });
    }
    add(
        get().map(|request| request.raw("X-Doctor: a\r\n doctor-fold")),
        &|request| {
            Probe::on_arrival(&FRAME_FOLD, request, |seen| {
                let mut lines = seen.fields.iter();
                let folded = lines.find(|line| line.starts_with([' ', '\t']))?;
                Some(quoted(folded))
            })
        },
    );
    let path = site.target.path.as_str();
    for line in [
        format!("GET {path}?a b HTTP/1.1"),
        format!("GET {path}?a\tb HTTP/1.1"),
        format!("GET  {path} HTTP/1.1"),
        format!("GET {path} HTTP/1.15"),
        format!("GET {path} http/1.1"),
    ] {
        let request = site.with_access(Request::of_line(&line, &site.target.authority));
        add(request, &|request| {
            Probe::passes(&FRAME_LINE, request, true)
        });
    }
    add(
        get().map(|request| {
            let request = request.field("Connection", "Upgrade, HTTP2-Settings");
            request
                .field("Upgrade", "h2c")
                .field("HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA")
        }),
        &|request| {
            Probe::on_arrival(&FRAME_H2C, request, |seen| {
                let kept = seen.values("upgrade").find(|to| to.contains("h2c"))?;
                Some(format!("Upgrade: {}", quoted(kept)))
            })
        },
    );
    add(
        get().map(|request| request.field("Host", "doctor.invalid")),
        &|request| Probe::passes(&HOST_DUPLICATED, request, true),
    );
    add(
        get().map(|request| {
            request
                .field("X-Doctor-Long", &"a".repeat(256 * 1024))
                .titled("a field of 256 KiB")
        }),
        &|request| Probe::passes(&HEAD_UNBOUNDED, request, true),
    );
    probes
}

fn both(seen: &Forwarded) -> Option<String> {
    let length = seen.values("content-length").next()?;
    let coding = seen.values("transfer-encoding").next()?;
    Some(format!(
        "Content-Length: {length} and Transfer-Encoding: {coding}"
    ))
}

/// Whatever an upstream may take for the field, with another value than the one that is valid.
fn coding(seen: &Forwarded) -> Option<String> {
    let mut lines = seen.fields.iter();
    let found = lines.find(|line| {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let spelled = name.trim().replace('_', "-");
        let is_named = spelled.eq_ignore_ascii_case("transfer-encoding");
        is_named && !(name.eq_ignore_ascii_case("transfer-encoding") && value.trim() == "chunked")
    });
    found.map(|line| quoted(line))
}

fn control(seen: &Forwarded) -> Option<String> {
    let kept = seen.line_with("doctor-control")?;
    kept.contains(['\0', '\r']).then(|| quoted(kept))
}

/// The header arrives in any case; the fault is that the body is taken.
fn accepted(request: Request) -> Probe {
    let quoted = request.shown_body();
    let request = request.titled(&format!("a body in chunks: {quoted}"));
    Probe::new(&FRAME_CHUNK, request, |observation| {
        let answer = observation.answer.as_ref()?;
        answer
            .is_success()
            .then(|| format!("status {}", answer.status))
    })
}

/// None of these is `chunked` to all who read it.
const CODINGS: &[&str] = &[
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: identity",
    "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: \"chunked\"",
    "Transfer-Encoding:\x0bchunked",
    "Transfer-Encoding : chunked",
    "Transfer_Encoding: chunked",
    "X-Doctor: a\nTransfer-Encoding: chunked",
];

/// Lengths that are none, or two.
const LENGTHS: &[&[&str]] = &[
    &["Content-Length: +5"],
    &["Content-Length: 0x5"],
    &["Content-Length: 5 5"],
    &["Content-Length:"],
    &["Content-Length: 5", "Content-Length: 6"],
    &["Content-Length: 5, 6"],
];

/// Chunks with an extension that ends by a bare LF, and sizes that are none.
const CHUNKS: &[&[u8]] = &[
    b"5;a=b\nhello\r\n0\r\n\r\n",
    b"0x5\r\nhello\r\n0\r\n\r\n",
    b"+5\r\nhello\r\n0\r\n\r\n",
    b"5 \n hello\r\n0\r\n\r\n",
];
