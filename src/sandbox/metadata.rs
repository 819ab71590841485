//! Google's metadata server, as a machine of Google Cloud has it: in whose name it runs, and tokens
//! for that. Pure: no I/O, no clock, no randomness: `now` comes in as an argument.

use jiff::Timestamp;

use super::{
    exchange::{Reply, Request},
    json::object,
    pages,
    token::{SCOPE_PREFIX, SERVICE_ACCOUNT, TokenServer},
};

const ACCOUNT: &str = "/computeMetadata/v1/instance/service-accounts/default/";

#[derive(Debug)]
pub(super) struct Metadata {
    /// In whose name the machine runs; nobody's without it.
    pub(super) identity: Option<String>,
    /// The only scopes that the machine's tokens have, without their common beginning; without
    /// them, those that are asked for.
    pub(super) scopes: Option<Vec<String>>,
}

impl Default for Metadata {
    fn default() -> Self {
        Self { identity: Some(SERVICE_ACCOUNT.into()), scopes: None }
    }
}

impl Metadata {
    pub(super) fn respond(
        &self,
        request: &Request,
        tokens: &mut TokenServer,
        now: Timestamp,
    ) -> Reply {
        let reply = self.reply(request, tokens, now);
        reply.with("metadata-flavor", "Google").with("server", "Metadata Server for VM")
    }

    fn reply(&self, request: &Request, tokens: &mut TokenServer, now: Timestamp) -> Reply {
        // So that no page in a browser can ask.
        if request.header("metadata-flavor") != Some("Google") {
            return page(403, "Missing Metadata-Flavor:Google header.");
        }
        // What is sent to it in the clear was not meant for it.
        if request.header("authorization").is_some() {
            return page(400, "A metadata server is sent no token.");
        }
        match (request.path.strip_prefix(ACCOUNT), &self.identity) {
            (Some("email"), Some(email)) => Reply::new(200, "application/text", email.as_str()),
            (Some("token"), Some(email)) => {
                let scopes = self.scopes.clone().unwrap_or_else(|| asked(request));
                let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
                let token = tokens.grant(email, &scopes, now);
                let granted = object([
                    ("access_token", token.into()),
                    ("expires_in", tokens.lifetime.as_secs().into()),
                    ("token_type", "Bearer".into()),
                ]);
                pages::json(200, granted.compact())
            }
            _ => page(404, "The requested URL was not found on this server."),
        }
    }
}

/// The scopes that a request asks for; of a machine that bars nothing all there are, unless it
/// does.
fn asked(request: &Request) -> Vec<String> {
    let asked = request.param("scopes").unwrap_or_else(|| format!("{SCOPE_PREFIX}cloud-platform"));
    let known = asked.split(',').filter_map(|scope| scope.strip_prefix(SCOPE_PREFIX));
    known.map(str::to_owned).collect()
}

fn page(status: u16, text: &str) -> Reply {
    Reply::html(status, format!("<!DOCTYPE html>\n<title>Error {status}</title>\n<p>{text}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(metadata: &Metadata, what: &str, headers: &[(&str, &str)]) -> (u16, String) {
        let (path, query) = what.split_once('?').unwrap_or((what, ""));
        let request = Request {
            method: "GET".into(),
            path: format!("{ACCOUNT}{path}"),
            query: query.into(),
            headers: headers.iter().map(|&(n, v)| (n.into(), v.into())).collect(),
            body: Default::default(),
        };
        let mut tokens = TokenServer::new("http://here".into());
        let reply = metadata.respond(&request, &mut tokens, Timestamp::UNIX_EPOCH);
        assert!(reply.headers.contains(&("metadata-flavor".into(), "Google".into())));
        (reply.status, String::from_utf8(reply.body).unwrap())
    }

    #[test]
    fn it_answers_who_asks_as_one_does_and_no_other() {
        let metadata = Metadata::default();
        let flavor = ("metadata-flavor", "Google");
        assert_eq!(ask(&metadata, "email", &[flavor]), (200, SERVICE_ACCOUNT.into()));
        let (status, body) = ask(&metadata, "token?scopes=x", &[flavor]);
        assert!(status == 200 && body.contains("\"expires_in\":3599"), "{body}");
        assert_eq!(ask(&metadata, "email", &[]).0, 403);
        assert_eq!(ask(&metadata, "email", &[flavor, ("authorization", "Bearer x")]).0, 400);
        assert_eq!(ask(&metadata, "identity", &[flavor]).0, 404);
        let nobody = Metadata { identity: None, scopes: None };
        assert_eq!(ask(&nobody, "email", &[flavor]).0, 404);
    }
}
