use std::pin::Pin;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use instant_acme::{AccountCredentials, BodyWrapper, BytesResponse, HttpClient};
use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyIdMethod, KeyPair, SerialNumber};
use serde_json::{Value, json};

use super::*;

const DAY: u64 = 24 * 3600;

/// The certificate of RFC 9773 section 4.1, valid for six days from 1970 on.
fn issued(names_its_signer: bool) -> Issued {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.key_identifier_method = KeyIdMethod::PreSpecified(vec![
        0x69, 0x88, 0x5b, 0x6b, 0x87, 0x46, 0x40, 0x41, 0xe1, 0xb3, 0x7b, 0x84, 0x7b, 0xa0, 0xae,
        0x2c, 0xde, 0x01, 0xc8, 0xd4,
    ]);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let mut params = CertificateParams::new(["example.com".to_owned()]).unwrap();
    params.serial_number = Some(SerialNumber::from_slice(&[0x87, 0x65, 0x43, 0x21]));
    params.use_authority_key_identifier_extension = names_its_signer;
    params.not_before = rcgen::date_time_ymd(1970, 1, 1);
    params.not_after = rcgen::date_time_ymd(1970, 1, 7);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    Issued::parse("example.com", &certificate.pem(), &key.serialize_der()).unwrap()
}

#[test]
fn a_certificate_is_named_as_in_the_rfc() {
    let id = identifier(&issued(true)).unwrap().to_string();
    assert_eq!(id, "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
    assert_eq!(identifier(&issued(false)), None);
}

#[test]
fn a_window_moves_the_renewal_and_never_to_the_end() {
    let issued = issued(true);
    let renew_at = |start, end, chosen| {
        let window = Window {
            start: UnixTime(start),
            end: UnixTime(end),
            again: Duration::ZERO,
        };
        window.renew_at(UnixTime(chosen), &issued, 0.5).0
    };
    // Sooner, or later; what is in it stays as it is.
    assert_eq!(renew_at(DAY, 3 * DAY, 4 * DAY), 2 * DAY);
    assert_eq!(renew_at(4 * DAY, 6 * DAY, 3 * DAY), 5 * DAY);
    assert_eq!(renew_at(3 * DAY, 5 * DAY, 4 * DAY + 1), 4 * DAY + 1);
    // Whatever it says, a day is left.
    assert_eq!(renew_at(6 * DAY, 90 * DAY, 4 * DAY), 5 * DAY);
    // That is none.
    assert_eq!(renew_at(3 * DAY, DAY, 4 * DAY), 4 * DAY);
}

#[test]
fn an_authority_is_asked_once_an_hour_at_most_and_once_a_day_at_least() {
    let pause = |seconds| {
        let window = Window {
            start: UnixTime(0),
            end: UnixTime(1),
            again: Duration::from_secs(seconds),
        };
        window.pause().as_secs()
    };
    assert_eq!([0, 6 * 3600, 9 * DAY].map(pause), [3600, 6 * 3600, DAY]);
}

/// Answers for an authority, and notes what is asked.
#[derive(Clone)]
struct Authority {
    directory: Value,
    asked: Arc<Mutex<Vec<String>>>,
}

impl HttpClient for Authority {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let path = request.uri().path().to_owned();
        let body = match path.as_str() {
            "/directory" => self.directory.clone(),
            _ => json!({"suggestedWindow": {
                "start": "1970-01-02T00:00:00Z", "end": "1970-01-03T00:00:00Z",
            }}),
        };
        self.asked.lock().unwrap().push(path);
        let response = Response::builder().header("Retry-After", "21600");
        let (parts, ()) = response.body(()).unwrap().into_parts();
        let body = Box::new(Bytes::from(body.to_string()));
        Box::pin(async move { Ok(BytesResponse { parts, body }) })
    }
}

#[tokio::test]
async fn an_authority_is_asked_where_its_directory_says_so() {
    let issued = issued(true);
    let key = KeyPair::generate().unwrap().serialize_der();
    let credentials = json!({
        "id": "https://authority.test/account",
        "key_pkcs8": URL_SAFE_NO_PAD.encode(key),
        "directory": "https://authority.test/directory",
    });
    let mut directory = json!({});
    for place in ["newNonce", "newAccount", "newOrder"] {
        directory[place] = json!(format!("https://authority.test/{place}"));
    }
    for is_offered in [false, true] {
        if is_offered {
            directory["renewalInfo"] = json!("https://authority.test/renewal");
        }
        let authority = Authority {
            directory: directory.clone(),
            asked: Arc::default(),
        };
        let credentials: AccountCredentials =
            serde_json::from_str(&credentials.to_string()).unwrap();
        let account = Account::builder_with_http(Box::new(authority.clone()));
        let account = account.from_credentials(credentials).await.unwrap();
        let said = window(&account, &issued).await.unwrap();
        let expected = Window {
            start: UnixTime(DAY),
            end: UnixTime(2 * DAY),
            again: Duration::from_secs(6 * 3600),
        };
        // The pause is counted from an instant after the answer.
        let said = said.map(|said| Window {
            again: Duration::from_secs(said.again.as_secs().div_ceil(3600) * 3600),
            ..said
        });
        assert_eq!(said, is_offered.then_some(expected));
        let asked = authority.asked.lock().unwrap().clone();
        let question = "/renewal/aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE".to_owned();
        assert_eq!(asked.get(1), is_offered.then_some(&question), "{asked:?}");
    }
}
