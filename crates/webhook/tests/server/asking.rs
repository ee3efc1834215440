//! Requests, and what they are told.

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use polywire_webhook::server::Server;
use serde_json::{Value, json};

pub(crate) const ROOT: &str = "/webhooks/subscriptions";

/// A request.
pub(crate) struct Ask {
    method: &'static str,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Value,
}

pub(crate) fn ask(method: &'static str, path: &str) -> Ask {
    let ask = Ask {
        method,
        path: format!("{ROOT}{path}"),
        headers: HeaderMap::new(),
        body: Bytes::new(),
    };
    ask.header("authorization", "Bearer acme")
}

pub(crate) fn get(path: &str) -> Ask {
    ask("GET", path)
}

pub(crate) fn post(path: &str) -> Ask {
    ask("POST", path)
}

pub(crate) fn patch(path: &str) -> Ask {
    ask("PATCH", path)
}

/// The path of a subscription.
pub(crate) fn at(id: &Value) -> String {
    format!("/{}", id.as_str().unwrap())
}

impl Ask {
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, value.parse().unwrap());
        self
    }

    pub(crate) fn tenant(self, name: &str) -> Self {
        self.header("authorization", &format!("Bearer {name}"))
    }

    pub(crate) fn body(mut self, body: &Value) -> Self {
        self.body = body.to_string().into();
        self
    }

    pub(crate) fn text(mut self, body: &'static str) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn wait(self) -> Self {
        self.header("prefer", "wait=20")
    }

    pub(crate) async fn of(self, server: &Server) -> Told {
        let mut request = Request::builder().method(self.method).uri(self.path);
        *request.headers_mut().unwrap() = self.headers;
        let (head, body) = server
            .answer(request.body(self.body).unwrap())
            .await
            .into_parts();
        let json = if body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&body).unwrap()
        };
        let problem = head.status.is_client_error() || head.status.is_server_error();
        if problem {
            assert_eq!(head.headers["content-type"], "application/problem+json");
            assert_eq!(json["status"], head.status.as_u16(), "{json}");
        }
        assert!(head.status != StatusCode::INTERNAL_SERVER_ERROR, "{json}");
        Told {
            status: head.status.as_u16(),
            headers: head.headers,
            json,
        }
    }
}

impl Told {
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).map(|value| value.to_str().unwrap());
        value.unwrap_or_default()
    }

    /// What a refusal says: its status, its code where it has one of its own, and its detail.
    pub(crate) fn refusal(&self) -> (u16, &str, &str) {
        let text = |member: &str| self.json[member].as_str().unwrap_or_default();
        (self.status, text("code"), text("detail"))
    }
}

/// What a subscriber asks for.
pub(crate) fn wish(sink: &str) -> Value {
    json!({ "contract": "orders", "version": "^1.4", "events": ["shipped"], "sink": sink })
}
