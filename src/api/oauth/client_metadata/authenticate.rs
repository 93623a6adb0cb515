//! How a client that describes itself authenticates (RFC 7523 section 2.2).

use std::sync::Arc;
use std::time::Duration;

use super::document::ClientId;
use super::{Known, MetadataClients, refused};
use crate::clock::UnixTime;
use crate::jwt::{
    ClientAssertion, ClientRefusal, ExpectedClient, asserted_client, verify_client_assertion,
};
use crate::rejection::Rejection;

/// What a request presents of its client.
#[derive(Clone, Copy, Debug)]
pub struct Presented<'a> {
    /// Its `client_id`.
    pub id: Option<&'a str>,
    /// Its `client_assertion`.
    pub assertion: Option<&'a str>,
}

/// A client that describes itself.
#[derive(Debug)]
pub struct Authenticated {
    /// Its `client_id`.
    pub id: String,
    /// The assertion by which it authenticated, to be used up; `None`: it is a public client.
    pub assertion: Option<ClientAssertion>,
}

/// The client of a request to the authorization server with this issuer identifier.
///
/// # Errors
///
/// It names none, describes itself in no way that is accepted, or does not authenticate as it says.
pub async fn authenticate(
    clients: &MetadataClients,
    presented: Presented<'_>,
    audience: &str,
    max_lifetime: Duration,
) -> Result<Authenticated, Rejection> {
    let asserted = presented.assertion.and_then(asserted_client);
    let named = presented.id.or(asserted.as_deref());
    let id = named.and_then(ClientId::parse);
    let id = id.ok_or_else(|| refused("client_invalid"))?;
    let client = clients.client(&id).await?;
    let assertion = match (&client.keys, presented.assertion) {
        (None, None) => None,
        (Some(_), Some(assertion)) => {
            let verified = verify(&client, &id, assertion, audience, max_lifetime);
            Some(match verified {
                // It may have another key by now.
                Err(ClientRefusal::KeyUnknown) => {
                    let client = clients.again(&id, Arc::clone(&client)).await?;
                    verify(&client, &id, assertion, audience, max_lifetime)
                }
                verified => verified,
            })
        }
        (Some(_), None) | (None, Some(_)) => return Err(refused("client_method_mismatch")),
    };
    let assertion = assertion.transpose();
    Ok(Authenticated {
        id: id.as_str().to_owned(),
        assertion: assertion.map_err(|refusal| refused(refusal.code()))?,
    })
}

fn verify(
    client: &Arc<Known>,
    id: &ClientId,
    assertion: &str,
    audience: &str,
    max_lifetime: Duration,
) -> Result<ClientAssertion, ClientRefusal> {
    let expected = ExpectedClient {
        id: id.as_str(),
        algorithm: client.algorithm,
        audience,
        max_lifetime,
    };
    let keys = client.keys.as_ref().ok_or(ClientRefusal::KeyUnknown)?;
    verify_client_assertion(assertion, keys, expected, UnixTime::now())
}
