use super::*;
use crate::exchange::fixture::TestExchange;

#[tokio::test]
async fn an_elevated_token_is_good_until_its_own_end() {
    let gateway = TestExchange::new();
    let session = gateway.present(&gateway.token("alice", "1")).await.unwrap();
    let minter = gateway.here.minter();
    let now = UnixTime::now();
    let minute = Duration::from_secs(60);
    for (exp, outcome) in [
        (now.plus(minute), None),
        (now, Some("elevated_expired")),
        (now.minus(minute), Some("elevated_expired")),
    ] {
        let elevated = Elevated {
            iss: minter.iss.clone(),
            aud: minter.audience.clone(),
            sub: session.user(),
            sid: session.sid(),
            jti: Uuid::new_v4(),
            scope: "user:delete".to_owned(),
            iat: now.minus(minute * 9),
            exp,
            single_use: false,
        };
        let shown = minter.sign(ELEVATED_TYPE, &elevated).unwrap();
        let shown = Some(shown.as_bytes());
        let required = require(&gateway.here, &session, "user:delete", shown).await;
        let reason = required.err().map(|rejection| rejection.reason);
        assert_eq!(reason, outcome, "{exp:?}");
    }
}
