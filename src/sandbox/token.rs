//! Google's token endpoint: a signed assertion in, an access token out.
//! Pure: no I/O, no clock: `now` comes in as an argument.

mod key;

use std::{collections::BTreeMap, time::Duration};

use base64::{
    Engine,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use jiff::Timestamp;
use ring::signature::{self, KeyPair as _, UnparsedPublicKey};
use serde_json::Value;

use super::{
    exchange::{Reply, Request, google_not_found, parse_form},
    json::object,
    pages,
};

/// The account that [`service_account_key`](super::Sandbox::service_account_key) is of.
pub const SERVICE_ACCOUNT: &str = "ratesheet@sandbox-314159.iam.gserviceaccount.com";

const GOOGLES_OWN_URI: &str = "https://oauth2.googleapis.com/token";
const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const CLOCK_TEXT: &str = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a \
     reasonable timeframe. Check your iat and exp values in the JWT claim.";

/// How far a client's clock may be off, in seconds.
const LEEWAY_SECS: i64 = 300;

/// The scopes that are known here, without their common beginning.
const SCOPES: &[&str] = &[
    "spreadsheets",
    "spreadsheets.readonly",
    "drive",
    "drive.file",
    "drive.readonly",
    "cloud-platform",
];
pub(super) const SCOPE_PREFIX: &str = "https://www.googleapis.com/auth/";

/// Padding may be there or not: yup-oauth2 keeps it, all others leave it out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Whether Google still knows the service account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Account {
    /// All is well.
    Active,
    /// The account was deleted: `Invalid grant: account not found`.
    Deleted,
    /// Its key was deleted: `Invalid JWT Signature.`
    KeyDeleted,
}

/// An access token that was given out.
#[derive(Debug, Clone)]
struct Granted {
    email: String,
    scopes: Vec<String>,
    until: Timestamp,
}

/// Who asks, as far as the request's header tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Bearer {
    /// There is no header.
    Missing,
    /// The token is unknown, expired or revoked.
    Invalid,
    Known {
        email: String,
        /// Without their common beginning.
        scopes: Vec<String>,
    },
}

#[derive(Debug)]
pub(super) struct TokenServer {
    url: String,
    granted: BTreeMap<String, Granted>,
    count: u64,
    pub(super) account: Account,
    pub(super) lifetime: Duration,
}

impl TokenServer {
    pub(super) fn new(url: String) -> Self {
        Self {
            url,
            granted: BTreeMap::new(),
            count: 0,
            account: Account::Active,
            lifetime: Duration::from_secs(3599),
        }
    }

    pub(super) fn revoke(&mut self) {
        self.granted.clear();
    }

    pub(super) fn granted(&self) -> u64 {
        self.count
    }

    fn uri(&self) -> String {
        format!("{}/token", self.url)
    }

    /// The JSON of a key file.
    pub(super) fn key_file(&self, email: &str) -> String {
        let project = email.split(['@', '.']).nth(1).unwrap_or("sandbox-314159");
        object([
            ("type", "service_account".into()),
            ("project_id", project.into()),
            ("private_key_id", "5a4db0c5a4db0c5a4db0c5a4db0c5a4db0c5a4db".into()),
            ("private_key", key::PRIVATE_KEY.into()),
            ("client_email", email.into()),
            ("client_id", "100000000000000000000".into()),
            ("auth_uri", "https://accounts.google.com/o/oauth2/auth".into()),
            ("token_uri", self.uri().into()),
            ("auth_provider_x509_cert_url", "https://www.googleapis.com/oauth2/v1/certs".into()),
            ("universe_domain", "googleapis.com".into()),
        ])
        .pretty()
    }

    /// Gives a token out without being asked: for clients that cannot be pointed here.
    pub(super) fn grant(&mut self, email: &str, scopes: &[&str], now: Timestamp) -> String {
        self.count += 1;
        let token = format!("ya29.c.sandbox-{:06}-{}", self.count, "opens-nothing.".repeat(8));
        let until = now.checked_add(self.lifetime).unwrap_or(now);
        let scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
        self.granted.insert(token.clone(), Granted { email: email.into(), scopes, until });
        token
    }

    pub(super) fn bearer(&self, request: &Request, now: Timestamp) -> Bearer {
        let Some(header) = request.header("authorization") else {
            return Bearer::Missing;
        };
        let token = header.split_once(' ').filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer"));
        let granted = token.and_then(|(_, token)| self.granted.get(token.trim()));
        match granted.filter(|granted| now < granted.until) {
            Some(Granted { email, scopes, .. }) => {
                Bearer::Known { email: email.clone(), scopes: scopes.clone() }
            }
            None => Bearer::Invalid,
        }
    }

    pub(super) fn respond(&mut self, request: &Request, now: Timestamp) -> Reply {
        if request.method != "POST" {
            return google_not_found(&request.path);
        }
        let form = parse_form(&String::from_utf8_lossy(&request.body));
        let field = |name: &str| form.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        let grant_type = field("grant_type").unwrap_or_default();
        if grant_type != GRANT_TYPE {
            let text = format!("Invalid grant_type: {grant_type}");
            return refuse("unsupported_grant_type", &text);
        }
        let claims = match self.check(field("assertion").unwrap_or_default(), now) {
            Ok(claims) => claims,
            Err((error, text)) => return refuse(error, text),
        };
        let scopes: Vec<&str> = claims
            .scope
            .split_whitespace()
            .filter_map(|scope| scope.strip_prefix(SCOPE_PREFIX))
            .filter(|scope| SCOPES.contains(scope))
            .collect();
        let body = if scopes.is_empty() {
            // Google answers a scope that it does not know with an identity, and no access.
            object([("id_token", "eyJhbGciOiJSUzI1NiJ9.e30.c2FuZGJveA".into())])
        } else {
            let token = self.grant(&claims.iss, &scopes, now);
            object([
                ("access_token", token.into()),
                ("expires_in", self.lifetime.as_secs().into()),
                ("token_type", "Bearer".into()),
            ])
        };
        pages::json(200, body.compact())
    }

    /// The checks in the order in which Google makes them.
    #[expect(clippy::indexing_slicing, reason = "what JSON lacks is null")]
    fn check(&self, assertion: &str, now: Timestamp) -> Result<Claims, Refusal> {
        const GRANT: &str = "invalid_grant";
        let bad = ("invalid_request", "Bad Request");
        let (signed, signature) = assertion.rsplit_once('.').ok_or(bad)?;
        let (head, payload) = signed.split_once('.').ok_or(bad)?;
        let head = decode(head).ok_or(bad)?;
        let payload = decode(payload).ok_or(bad)?;
        let signature = BASE64.decode(signature).map_err(|_| bad)?;
        let genuine = head["alg"] == "RS256" && verify(signed.as_bytes(), &signature);
        if !genuine || self.account == Account::KeyDeleted {
            return Err((GRANT, "Invalid JWT Signature."));
        }
        let text = |name: &str| payload[name].as_str().unwrap_or_default().to_owned();
        let iss = text("iss");
        if self.account == Account::Deleted || !iss.ends_with(".iam.gserviceaccount.com") {
            return Err((GRANT, "Invalid grant: account not found"));
        }
        let secs = |name: &str| payload[name].as_f64().unwrap_or_default() as i64;
        let (iat, exp, now) = (secs("iat"), secs("exp"), now.as_second());
        let in_time = iat <= now + LEEWAY_SECS && now <= exp + LEEWAY_SECS;
        if !in_time || !(1..=3600).contains(&(exp - iat)) {
            return Err((GRANT, CLOCK_TEXT));
        }
        let aud = text("aud");
        if aud != GOOGLES_OWN_URI && aud != self.uri() {
            return Err((GRANT, "Invalid JWT: Failed audience check."));
        }
        Ok(Claims { iss, scope: text("scope") })
    }
}

type Refusal = (&'static str, &'static str);

struct Claims {
    iss: String,
    scope: String,
}

fn refuse(error: &str, description: &str) -> Reply {
    pages::json(400, pages::oauth_error(error, description).compact())
}

fn decode(part: &str) -> Option<Value> {
    serde_json::from_slice(&BASE64.decode(part).ok()?).ok()
}

/// Checks the signature over the text as it was sent: so padding does no harm.
fn verify(signed: &[u8], signature: &[u8]) -> bool {
    let Some(pair) = key_pair() else { return false };
    let public = pair.public_key().as_ref();
    let key = UnparsedPublicKey::new(&signature::RSA_PKCS1_2048_8192_SHA256, public);
    key.verify(signed, signature).is_ok()
}

fn key_pair() -> Option<ring::rsa::KeyPair> {
    let body: String = key::PRIVATE_KEY.lines().filter(|line| !line.starts_with('-')).collect();
    ring::rsa::KeyPair::from_pkcs8(&STANDARD.decode(body).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn sign(claims: &Value, engine: &GeneralPurpose) -> String {
        let head = engine.encode(r#"{"alg":"RS256","typ":"JWT"}"#);
        let signed = format!("{head}.{}", engine.encode(claims.to_string()));
        let pair = key_pair().unwrap();
        let mut signature = vec![0; pair.public().modulus_len()];
        let random = ring::rand::SystemRandom::new();
        pair.sign(&signature::RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature)
            .unwrap();
        format!("{signed}.{}", engine.encode(signature))
    }

    fn claims() -> Value {
        json!({
            "iss": SERVICE_ACCOUNT, "aud": "http://here/token", "sub": null,
            "scope": "https://www.googleapis.com/auth/spreadsheets",
            "iat": NOW, "exp": NOW + 3600,
        })
    }

    fn ask(server: &mut TokenServer, assertion: &str) -> (u16, Value) {
        let grant = GRANT_TYPE.replace(':', "%3A");
        let request = Request {
            method: "POST".into(),
            path: "/token".into(),
            query: String::new(),
            headers: vec![],
            body: format!("grant_type={grant}&assertion={}", assertion.replace('=', "%3D")).into(),
        };
        let reply = server.respond(&request, Timestamp::from_second(NOW).unwrap());
        (reply.status, serde_json::from_slice(&reply.body).unwrap())
    }

    fn server() -> TokenServer {
        TokenServer::new("http://here".into())
    }

    #[test]
    fn a_good_assertion_is_answered_with_a_token_padded_or_not() {
        for engine in [&URL_SAFE_NO_PAD, &base64::engine::general_purpose::URL_SAFE] {
            let mut server = server();
            let (status, body) = ask(&mut server, &sign(&claims(), engine));
            assert_eq!((status, &body["expires_in"]), (200, &json!(3599)), "{body}");
            let request = Request {
                method: "GET".into(),
                path: String::new(),
                query: String::new(),
                headers: vec![(
                    "authorization".into(),
                    format!("Bearer {}", body["access_token"].as_str().unwrap()),
                )],
                body: Default::default(),
            };
            let bearer = |server: &TokenServer, at: i64| {
                server.bearer(&request, Timestamp::from_second(at).unwrap())
            };
            let known = Bearer::Known {
                email: SERVICE_ACCOUNT.into(),
                scopes: vec!["spreadsheets".into()],
            };
            assert_eq!(bearer(&server, NOW + 3598), known);
            assert_eq!(bearer(&server, NOW + 3599), Bearer::Invalid);
            server.revoke();
            assert_eq!(bearer(&server, NOW), Bearer::Invalid);
        }
    }

    #[test]
    fn a_bad_assertion_is_refused_in_googles_words() {
        let check = |change: fn(&mut Value), error: &str, text: &str| {
            let mut claims = claims();
            change(&mut claims);
            let (status, body) = ask(&mut server(), &sign(&claims, &URL_SAFE_NO_PAD));
            let expected = json!({ "error": error, "error_description": text });
            assert_eq!((status, body), (400, expected));
        };
        let account = "Invalid grant: account not found";
        check(|claims| claims["iss"] = json!("x@example.com"), "invalid_grant", account);
        check(|claims| claims["iat"] = json!(NOW - 7200), "invalid_grant", CLOCK_TEXT);
        check(|claims| claims["exp"] = json!(NOW + 3601), "invalid_grant", CLOCK_TEXT);
        check(
            |claims| {
                claims["iat"] = json!(NOW - 7200);
                claims["exp"] = json!(NOW - 3600);
            },
            "invalid_grant",
            CLOCK_TEXT,
        );
        let audience = "Invalid JWT: Failed audience check.";
        check(|claims| claims["aud"] = json!("http://there/token"), "invalid_grant", audience);
    }

    #[test]
    fn clocks_may_be_a_little_off_and_the_audience_may_be_googles() {
        let check = |change: fn(&mut Value)| {
            let mut claims = claims();
            change(&mut claims);
            let (status, body) = ask(&mut server(), &sign(&claims, &URL_SAFE_NO_PAD));
            assert_eq!(status, 200, "{body}");
        };
        check(|claims| claims["aud"] = json!(GOOGLES_OWN_URI));
        check(|claims| {
            claims["iat"] = json!(NOW + 300);
            claims["exp"] = json!(NOW + 3900);
        });
        check(|claims| {
            claims["iat"] = json!(NOW - 3600);
            claims["exp"] = json!(NOW);
        });
    }

    #[test]
    fn a_forged_signature_and_a_mangled_assertion_are_told_apart() {
        let good = sign(&claims(), &URL_SAFE_NO_PAD);
        let (signed, _) = good.rsplit_once('.').unwrap();
        let forged = format!("{signed}.{}", URL_SAFE_NO_PAD.encode([7; 256]));
        let (_, body) = ask(&mut server(), &forged);
        assert_eq!(body["error_description"], "Invalid JWT Signature.");
        let (_, body) = ask(&mut server(), "nonsense");
        assert_eq!(body, json!({"error": "invalid_request", "error_description": "Bad Request"}));
    }

    #[test]
    fn an_unknown_scope_gives_an_identity_and_no_access() {
        let mut claims = claims();
        claims["scope"] = json!("https://example.com/nothing");
        let (status, body) = ask(&mut server(), &sign(&claims, &URL_SAFE_NO_PAD));
        assert_eq!(status, 200);
        assert!(body["access_token"].is_null() && body["id_token"].is_string());
    }
}
