//! A service account's key, from the bytes of its file. Never shows anything of it but whose it
//! is. Pure: no I/O, no clock, no randomness.

use std::fmt;

use rustls::{
    crypto::ring::sign::RsaSigningKey,
    pki_types::{PrivateKeyDer, pem::PemObject as _},
};
use serde_json::Value;

use crate::tree::{clipped, is_loopback, shown, web_address};

/// Where Google gives out tokens. A key is sent nowhere else, or anybody who could change its
/// file could have what it signs.
const TOKEN_HOSTS: [&str; 3] =
    ["oauth2.googleapis.com", "www.googleapis.com", "accounts.google.com"];

/// A service account's key. Its `Debug` shows whose it is, and nothing else.
#[derive(Clone)]
pub struct ServiceAccountKey(Box<yup_oauth2::ServiceAccountKey>);

impl ServiceAccountKey {
    /// The largest file that is read as a key; Google's have some 2.4 KB.
    pub const MOST_BYTES: usize = 64 * 1024;

    /// Reads the key's file, as the Google Cloud console gives it out.
    ///
    /// # Errors
    /// When it is something else: [`InvalidKey`] says what. It never has anything secret in it.
    pub fn from_json(bytes: &[u8]) -> Result<Self, InvalidKey> {
        let Value::Object(object) = json(bytes)? else { return Err(InvalidKey::NotAnObject) };
        let text = |name: &str| object.get(name).and_then(Value::as_str);
        kind(&object)?;
        for name in ["private_key", "client_email", "token_uri"] {
            if text(name).is_none_or(str::is_empty) {
                return Err(InvalidKey::Missing(name));
            }
        }
        let email = text("client_email").unwrap_or_default();
        if !email.contains('@') || email.contains(|c: char| !c.is_ascii_graphic()) {
            return Err(InvalidKey::Email);
        }
        token_uri(text("token_uri").unwrap_or_default())?;
        private_key(text("private_key").unwrap_or_default())?;
        // serde's words quote what they refuse: they go no further.
        let key = serde_json::from_value(Value::Object(object));
        key.map(|key| Self(Box::new(key))).map_err(|_| InvalidKey::Malformed)
    }

    /// The account's address: with it a spreadsheet is shared.
    pub fn client_email(&self) -> &str {
        &self.0.client_email
    }

    /// Where the key is exchanged for a token.
    pub fn token_uri(&self) -> &str {
        &self.0.token_uri
    }

    /// The key itself, which must not be printed.
    pub(crate) fn into_inner(self) -> yup_oauth2::ServiceAccountKey {
        *self.0
    }
}

impl fmt::Debug for ServiceAccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceAccountKey").field("client_email", &self.0.client_email).finish()
    }
}

/// Why a file is no service account's key: mostly it is the key of something else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidKey {
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
    /// It is larger than any key.
    #[error("the file is larger than 64 KiB, and so no key")]
    TooLarge,
    /// It is no JSON.
    #[error("the file is no JSON: its syntax breaks at line {0}, column {1}")]
    Json(usize, usize),
    /// It is no text.
    #[error("the file is no text; perhaps it is a key in the P12 format")]
    Binary,
    /// It has the private key alone.
    #[error("the file is a PEM file, which lacks whose key it is")]
    PemOnly,
    /// It has a key of the kind that stands in URLs.
    #[error("the file has an API key, which cannot write to spreadsheets")]
    ApiKey,
    /// It is another JSON value.
    #[error("the file has no JSON object")]
    NotAnObject,
    /// It is the secret of an application that acts for people.
    #[error("the file is an OAuth client's secret (type \"{0}\")")]
    OAuthClient(&'static str),
    /// It is what `gcloud auth application-default login` leaves.
    #[error("the file has a person's own credentials (type \"authorized_user\")")]
    AuthorizedUser,
    /// It tells how another identity is exchanged for one of Google's.
    #[error("the file has credentials of the type {0}")]
    OtherType(String),
    /// It is ratesheet's own configuration.
    #[error("the file is a configuration of ratesheet, not a key")]
    Configuration,
    /// Something is missing in it, or empty, or no text.
    #[error("the key lacks its \"{0}\"")]
    Missing(&'static str),
    /// It is nobody's.
    #[error("the key's \"client_email\" is no address")]
    Email,
    /// It would be sent to somebody who must not have it.
    #[error("the key's \"token_uri\" {0}")]
    TokenUri(String),
    /// Its private key cannot be used.
    #[error("the key's \"private_key\" {0}")]
    PrivateKey(&'static str),
    /// Something in it has not the type that it should have.
    #[error("the key has a value of a wrong type")]
    Malformed,
}

impl InvalidKey {
    /// What to do about it.
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::TokenUri(_) => {
                "take the file as Google gave it out: the token_uri is \
                 https://oauth2.googleapis.com/token"
            }
            Self::Configuration => "give the path of the service account's key here",
            _ => {
                "a service account's key is needed: in the Google Cloud console, IAM & Admin, \
                 Service Accounts, Keys, Add key, JSON"
            }
        }
    }
}

fn json(bytes: &[u8]) -> Result<Value, InvalidKey> {
    if bytes.len() > ServiceAccountKey::MOST_BYTES {
        return Err(InvalidKey::TooLarge);
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|_| InvalidKey::Binary)?;
    let trimmed = text.trim();
    match trimmed {
        "" => Err(InvalidKey::Empty),
        _ if trimmed.starts_with("-----BEGIN") => Err(InvalidKey::PemOnly),
        _ if trimmed.starts_with("AIza") => Err(InvalidKey::ApiKey),
        _ => serde_json::from_str(text)
            .map_err(|error| InvalidKey::Json(error.line(), error.column())),
    }
}

/// Recognises what is mistaken for a service account's key.
fn kind(object: &serde_json::Map<String, Value>) -> Result<(), InvalidKey> {
    for name in ["installed", "web"] {
        if object.get(name).is_some_and(Value::is_object) {
            return Err(InvalidKey::OAuthClient(name));
        }
    }
    if object.contains_key("data") || object.contains_key("sheet") || object.contains_key("sheets")
    {
        return Err(InvalidKey::Configuration);
    }
    match object.get("type").and_then(Value::as_str) {
        None | Some("service_account") => Ok(()),
        Some("authorized_user") => Err(InvalidKey::AuthorizedUser),
        Some(other) => Err(InvalidKey::OtherType(shown(other))),
    }
}

fn token_uri(text: &str) -> Result<(), InvalidKey> {
    let refuse = |why: String| Err(InvalidKey::TokenUri(why));
    let Ok(uri) = web_address(text, "https") else {
        return refuse("is no https address".into());
    };
    let host = uri.host().unwrap_or_default().to_ascii_lowercase();
    if is_loopback(&host) || TOKEN_HOSTS.contains(&host.as_str()) {
        return Ok(());
    }
    refuse(format!("leads to {}, which is not Google", clipped(&host)))
}

fn private_key(pem: &str) -> Result<(), InvalidKey> {
    let refuse = |why| Err(InvalidKey::PrivateKey(why));
    for (sign, why) in [
        ("BEGIN ENCRYPTED PRIVATE KEY", "is encrypted with a pass phrase"),
        ("BEGIN EC PRIVATE KEY", "is for elliptic curves; Google's are RSA"),
        ("BEGIN OPENSSH PRIVATE KEY", "is one of OpenSSH's"),
        ("BEGIN PUBLIC KEY", "is a public key"),
        ("BEGIN CERTIFICATE", "is a certificate"),
        ("\\n", "has \\\\n where \\n should be: its line ends were escaped twice"),
    ] {
        if pem.contains(sign) {
            return refuse(why);
        }
    }
    if !pem.contains("-----BEGIN ") {
        return refuse("is no PEM text (-----BEGIN PRIVATE KEY-----)");
    }
    let Ok(der) = PrivateKeyDer::from_pem_slice(pem.as_bytes()) else {
        return refuse("is a broken PEM text: perhaps some of it is missing");
    };
    if RsaSigningKey::new(&der).is_err() {
        return refuse("is no RSA key of 2048 bits or more");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PEM: &str = include_str!("../../tests/keys/rsa-2048.pem");

    fn key() -> Value {
        json!({
            "type": "service_account",
            "project_id": "p",
            "private_key": PEM,
            "client_email": "robot@p.iam.gserviceaccount.com",
            "token_uri": "https://oauth2.googleapis.com/token",
        })
    }

    #[test]
    fn a_key_is_read_and_shows_nothing_but_whose_it_is() {
        let read = ServiceAccountKey::from_json(key().to_string().as_bytes()).unwrap();
        assert_eq!(read.client_email(), "robot@p.iam.gserviceaccount.com");
        assert_eq!(read.token_uri(), "https://oauth2.googleapis.com/token");
        let debug = format!("{read:?}");
        assert!(!debug.contains("PRIVATE") && !debug.contains("MII"), "{debug}");
        assert_eq!(read.into_inner().private_key, PEM);
        let mut pkcs1 = key();
        pkcs1["private_key"] = include_str!("../../tests/keys/rsa-2048-pkcs1.pem").into();
        pkcs1["token_uri"] = "http://127.0.0.1:9/token".into();
        assert!(ServiceAccountKey::from_json(pkcs1.to_string().as_bytes()).is_ok());
    }

    #[test]
    fn what_is_no_key_is_named_and_never_shown() {
        let broken = PEM[..400].to_owned();
        let with = |name: &str, value: Value| {
            let mut key = key();
            key[name] = value;
            key.to_string()
        };
        for (text, words) in [
            (String::new(), "empty"),
            (" \n".into(), "empty"),
            ("x".repeat(ServiceAccountKey::MOST_BYTES + 1), "64 KiB"),
            ("{\n  \"type\": ".into(), "line 2"),
            (PEM.into(), "PEM file"),
            ("AIzaSyD-CANARY".into(), "API key"),
            ("[]".into(), "no JSON object"),
            ("\"CANARY\"".into(), "no JSON object"),
            (json!({"installed": {"client_secret": "CANARY"}}).to_string(), "OAuth client"),
            (json!({"web": {"client_secret": "CANARY"}}).to_string(), "OAuth client"),
            (
                json!({"type": "authorized_user", "refresh_token": "CANARY"}).to_string(),
                "authorized_user",
            ),
            (json!({"type": "external_account"}).to_string(), "external_account"),
            (json!({"type": "impersonated_service_account"}).to_string(), "impersonated"),
            (json!({"sheet": "x", "data": {}}).to_string(), "configuration"),
            ("{}".into(), "lacks its \"private_key\""),
            (with("private_key", Value::Null), "lacks its \"private_key\""),
            (with("private_key", "CANARY".into()), "no PEM"),
            (with("private_key", broken.into()), "broken PEM"),
            (with("private_key", PEM.replace('\n', "\\n").into()), "escaped twice"),
            (with("private_key", include_str!("../../tests/keys/ec.pem").into()), "no RSA key"),
            (
                with("private_key", include_str!("../../tests/keys/rsa-1024.pem").into()),
                "2048 bits",
            ),
            (with("private_key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\n".into()), "pass phrase"),
            (with("client_email", "nobody".into()), "client_email"),
            (with("token_uri", "http://oauth2.googleapis.com/token".into()), "no https"),
            (with("token_uri", "https://evil.example/token".into()), "evil.example, which is not"),
            (with("token_uri", "https://oauth2.googleapis.com.evil.example/".into()), "not Google"),
            (with("token_uri", "https://oauth2.googleapis.com@evil.example/".into()), "no https"),
            (with("token_uri", "not a uri\n".into()), "no https"),
            (with("project_id", json!(["CANARY"])), "wrong type"),
        ] {
            let error = ServiceAccountKey::from_json(text.as_bytes()).unwrap_err();
            let told = format!("{error} {error:?} {}", error.remedy());
            assert!(told.contains(words), "{told}\n{words}");
            assert!(!told.contains("CANARY") && !told.contains("MII"), "{told}");
        }
        assert_eq!(ServiceAccountKey::from_json(b"\x30\x82\xFF").unwrap_err(), InvalidKey::Binary);
    }
}
