//! What is mistaken for a service account's key, and what to do about it. Nothing of it is shown.
//! Pure: no I/O, no clock, no randomness.

use serde_json::{Map, Value};

use super::ServiceAccountKey;
use crate::tree::shown;

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
    #[error("the file is no text, and so no key")]
    Binary,
    /// It is a key in the other format that the console offers.
    #[error("the file is a key in the format P12, and needs to be one in the format JSON")]
    Pkcs12,
    /// It is a text as Windows likes it.
    #[error("the file is a text in UTF-16, and needs to be one in UTF-8")]
    Utf16,
    /// It has the private key alone.
    #[error("the file is a PEM file, which lacks whose key it is")]
    PemOnly,
    /// It has a key of the kind that stands in URLs.
    #[error("the file has an API key, which cannot write to spreadsheets")]
    ApiKey,
    /// It has what a key is exchanged for.
    #[error("the file has an access token, which ends within the hour")]
    AccessToken,
    /// It is a JSON document in an envelope.
    #[error("the file is in base64, as Kubernetes shows a secret")]
    Base64,
    /// It is what a browser or a proxy saved in its place.
    #[error("the file is a web page")]
    WebPage,
    /// It is another JSON value.
    #[error("the file has no JSON object")]
    NotAnObject,
    /// It is the secret of an application that acts for people.
    #[error("the file is an OAuth client's secret (type \"{0}\")")]
    OAuthClient(&'static str),
    /// It is what `gcloud auth application-default login` leaves.
    #[error("the file has a person's own credentials (type {0})")]
    AuthorizedUser(String),
    /// It tells how another identity is exchanged for one of Google's.
    #[error("the file is of workload identity federation (type \"external_account\")")]
    Federation,
    /// It tells who acts as somebody else.
    #[error("the file impersonates an account (type \"impersonated_service_account\")")]
    Impersonation,
    /// It says itself that it is something else.
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
                "Take the file as Google gave it out: the token_uri is \
                 https://oauth2.googleapis.com/token"
            }
            Self::Configuration => "Give the path of the service account's key here",
            Self::Base64 => {
                "Decode it into another file, and name that one as the credentials: base64 -d FILE \
                 > decoded.json"
            }
            Self::Utf16 => "Take the file as Google gave it out, or save it as UTF-8",
            Self::Federation | Self::Impersonation => {
                "Such files are not supported: name a service account's key, or on Google Cloud \
                 write \"metadata\" as the credentials, which needs no file"
            }
            Self::AuthorizedUser(_) => {
                "gcloud's login is a person's, and not supported: a service account's key is \
                 needed (in the Google Cloud console, IAM & Admin, Service Accounts, Keys, Add \
                 key, JSON); on Google Cloud \"metadata\" as the credentials needs no file"
            }
            _ => {
                "A service account's key is needed: in the Google Cloud console, IAM & Admin, \
                 Service Accounts, Keys, Add key, JSON"
            }
        }
    }
}

/// Reads a key's file as JSON, and recognises what is none.
pub(super) fn json(bytes: &[u8]) -> Result<Value, InvalidKey> {
    if bytes.len() > ServiceAccountKey::MOST_BYTES {
        return Err(InvalidKey::TooLarge);
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
    let text = text.ok_or_else(|| binary(bytes))?;
    let trimmed = text.trim();
    match trimmed {
        "" => Err(InvalidKey::Empty),
        _ if trimmed.starts_with('<') => Err(InvalidKey::WebPage),
        _ if trimmed.starts_with("AIza") => Err(InvalidKey::ApiKey),
        _ if trimmed.starts_with("ya29.") => Err(InvalidKey::AccessToken),
        _ if is_base64(trimmed) => Err(InvalidKey::Base64),
        // What openssl makes of a P12 file begins with attributes.
        _ if !trimmed.starts_with('{') && trimmed.contains("-----BEGIN ") => {
            Err(InvalidKey::PemOnly)
        }
        _ => serde_json::from_str(text)
            .map_err(|error| InvalidKey::Json(error.line(), error.column())),
    }
}

/// What a file is that is no text.
fn binary(bytes: &[u8]) -> InvalidKey {
    match bytes {
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => InvalidKey::Utf16,
        // RFC 7292: a sequence that begins with version 3.
        [0x30, 0x82, _, _, 0x02, 0x01, 0x03, ..] | [0x30, 0x80, 0x02, 0x01, 0x03, ..] => {
            InvalidKey::Pkcs12
        }
        _ => InvalidKey::Binary,
    }
}

/// Whether a text is a JSON object in base64: `{"` and `{` with a line's end or a blank after it.
fn is_base64(text: &str) -> bool {
    let begins = ["eyJ", "ewo", "ew0", "eyA"].iter().any(|start| text.starts_with(start));
    let plain = |c: char| c.is_ascii_alphanumeric() || "+/=\r\n".contains(c);
    begins && text.chars().all(plain)
}

/// Recognises what is mistaken for a service account's key.
pub(super) fn kind(object: &Map<String, Value>) -> Result<(), InvalidKey> {
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
        Some(kind @ ("authorized_user" | "external_account_authorized_user")) => {
            Err(InvalidKey::AuthorizedUser(shown(kind)))
        }
        Some("external_account") => Err(InvalidKey::Federation),
        Some("impersonated_service_account") => Err(InvalidKey::Impersonation),
        Some(other) => Err(InvalidKey::OtherType(shown(other))),
    }
}
