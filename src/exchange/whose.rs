//! Whose tokens are, without opening a session.

use super::self_issued::own_refused;
use super::{Exchange, Recipient};
use crate::clock::UnixTime;
use crate::credential::Credential;
use crate::identity::Client;
use crate::jwt::Unverified;
use crate::rejection::{Code, Rejection};

impl Exchange {
    /// Whether tokens that hold name different users. Nothing comes of it: no user, no session.
    pub async fn are_of_different_users(&self, tokens: &[Credential<'_>], client: &Client) -> bool {
        let now = UnixTime::now();
        let mut first = None;
        for credential in tokens {
            if self.is_lapsed(credential, now) {
                continue;
            }
            let attempt = client.address.filter(|_| credential.is_attempt());
            if self.rates().may_try(attempt).is_err() {
                // Of what is not looked at, nobody can say that it is harmless.
                return true;
            }
            match (self.user_named_by(credential, client, now).await, &first) {
                // As above.
                (Err(rejection), _) if rejection.code == Code::TooManyRequests => return true,
                (Err(rejection), _) => self.rates().count(attempt, &rejection),
                (Ok(user), None) => first = Some(user),
                (Ok(user), Some(first)) if *first != user => return true,
                (Ok(_), Some(_)) => {}
            }
        }
        false
    }

    /// The user that a token stands for at its issuer.
    async fn user_named_by(
        &self,
        credential: &Credential<'_>,
        client: &Client,
        now: UnixTime,
    ) -> Result<(String, String), Rejection> {
        if self.is_cookie(credential) {
            let client = || client.clone();
            // In a box: requests without twins do not hold room for it.
            let session = Box::pin(self.session_of(credential, Recipient::Gateway, client)).await?;
            return Ok((String::new(), session.user().to_string()));
        }
        let token = credential.token.expose();
        let unverified = self.verifier.parse(token);
        let iss = unverified.as_ref().ok().and_then(Unverified::issuer);
        let iss = iss.as_deref().unwrap_or_default();
        if self.is_self_issued(iss) {
            let claims = self.minter().read(token, now).map_err(own_refused)?;
            return Ok((iss.to_owned(), claims.sub.to_string()));
        }
        self.verifier.check_place(credential, iss)?;
        let verified = self.verifier.verify(&unverified, now).await;
        let verified = verified.map_err(|refusal| Rejection::from(&refusal))?;
        Ok((verified.iss().to_owned(), verified.subject().to_owned()))
    }
}
