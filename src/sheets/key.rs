//! A service account's key, from the bytes of its file. Never shows anything of it but whose it
//! is. Pure: no I/O, no clock, no randomness.

mod invalid;

use std::fmt;

use rustls::{
    crypto::ring::sign::RsaSigningKey,
    pki_types::{PrivateKeyDer, pem::PemObject as _},
};
use serde_json::Value;

pub use self::invalid::InvalidKey;
use self::invalid::{json, kind};
use crate::tree::{clipped, is_loopback, web_address};

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

/// Equal when they are the same key of the same account.
impl PartialEq for ServiceAccountKey {
    fn eq(&self, other: &Self) -> bool {
        let of = |key: &Self| {
            let key = key.clone().into_inner();
            (key.client_email, key.token_uri, key.private_key)
        };
        of(self) == of(other)
    }
}

impl Eq for ServiceAccountKey {}

impl fmt::Debug for ServiceAccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceAccountKey").field("client_email", &self.0.client_email).finish()
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
            (format!("Bag Attributes\n  friendlyName: privatekey\n{PEM}"), "PEM file"),
            ("AIzaSyD-CANARY".into(), "API key"),
            ("ya29.c.CANARY".into(), "access token"),
            ("<!DOCTYPE html><title>CANARY</title>".into(), "web page"),
            ("eyJ0eXBlIjogInNlcnZpY2VfYWNjb3VudCIsICJDQU5BUlki\n".into(), "base64"),
            ("ewogICJ0eXBlIjogInNlcnZpY2VfYWNjb3VudCIKfQ==".into(), "-d FILE > decoded.json"),
            ("apiVersion: v1\nkind: Secret\ndata: CANARY".into(), "line 1"),
            ("[]".into(), "no JSON object"),
            ("\"CANARY\"".into(), "no JSON object"),
            (json!({"installed": {"client_secret": "CANARY"}}).to_string(), "OAuth client"),
            (json!({"web": {"client_secret": "CANARY"}}).to_string(), "OAuth client"),
            (
                json!({"type": "authorized_user", "refresh_token": "CANARY"}).to_string(),
                "authorized_user",
            ),
            (json!({"type": "external_account"}).to_string(), "workload identity federation"),
            (json!({"type": "external_account"}).to_string(), "\"metadata\""),
            (json!({"type": "external_account_authorized_user"}).to_string(), "a person's own"),
            (
                json!({"type": "impersonated_service_account", "source_credentials": {
                    "type": "authorized_user", "refresh_token": "CANARY" }})
                .to_string(),
                "impersonates",
            ),
            (json!({"type": "gdch_service_account"}).to_string(), "\"gdch_service_account\""),
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
        for (bytes, kind) in [
            (&b"\x30\x82\x09\x99\x02\x01\x03\x30\x82"[..], InvalidKey::Pkcs12),
            (b"\x30\x82\x09\x99\x02\x01\x00\x30\x82", InvalidKey::Binary),
            (b"\xFF\xFE{\0\"\0t\0", InvalidKey::Utf16),
            (b"\xFE\xFF\0{\0\"", InvalidKey::Utf16),
            (b"\xEF\xBB\xBF  ", InvalidKey::Empty),
        ] {
            assert_eq!(ServiceAccountKey::from_json(bytes).unwrap_err(), kind, "{bytes:?}");
        }
    }

    #[test]
    fn keys_are_equal_when_everything_that_counts_is() {
        let read =
            |json: &Value| ServiceAccountKey::from_json(json.to_string().as_bytes()).unwrap();
        let mut other = key();
        other["project_id"] = "another".into();
        assert_eq!(read(&key()), read(&other), "the project says nothing");
        other["client_email"] = "another@p.iam.gserviceaccount.com".into();
        assert_ne!(read(&key()), read(&other));
    }
}
