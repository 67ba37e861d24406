//! Who is served.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{echo, exchange, get, options, start};
use flowmeter_http::{AuthOptions, Request, Responder, Response, Secret, Server};

/// `me:pass`, in base 64.
const BASIC: &str = "Basic bWU6cGFzcw==";
const BEARER: &str = "Bearer token";

fn with(server: &Server, request: &str, authorization: &str) -> String {
    exchange(server, request.replace("Host: h", &format!("Authorization: {authorization}")))
}

fn both() -> AuthOptions {
    AuthOptions::default().with_basic("me", Secret::new("pass")).with_bearer_token(Secret::new("token"))
}

#[test]
fn the_right_credentials_are_served() {
    let server = start(&options().with_auth(both()), echo);
    for right in [BASIC, BEARER, "basic bWU6cGFzcw==", "BEARER token"] {
        assert!(with(&server, &get("/x"), right).ends_with("/x None"), "{right}");
    }
}

#[test]
fn others_do_not_reach_the_handler() {
    let called = Arc::new(AtomicUsize::new(0));
    let calls = Arc::clone(&called);
    let server = start(&options().with_auth(both()), move |_: Request, responder: Responder| {
        calls.fetch_add(1, Ordering::SeqCst);
        responder.send(Response::text("secret"));
    });
    let mut answers = vec![exchange(&server, get("/metrics"))];
    for wrong in [
        "",
        "Basic",
        "Basic bWU6cGFzcw", // without its padding
        "Basic bWU6cGFzcw== x",
        "Basic bWU6d3Jvbmc=", // me:wrong
        "Basic eW91OnBhc3M=", // you:pass
        "Basic bWU6cGFzczI=", // me:pass2
        "Basic bWU=",         // me
        "Basic Og==",         // :
        "Bearer bWU6cGFzcw==",
        "Bearer token2",
        "Bearer toke",
        "Bearer",
        "Digest token",
        "token",
        "Bearer token, Bearer token",
        "Bearer token\r\nAuthorization: Bearer token",
    ] {
        answers.push(with(&server, &get("/metrics"), wrong));
    }
    for path in ["/", "/-/healthy", "/../metrics", "//metrics", "/nothing?x=Bearer%20token"] {
        answers.push(exchange(&server, get(path)));
    }
    for method in ["HEAD", "POST", "OPTIONS"] {
        answers.push(exchange(&server, get("/").replace("GET", method)));
    }
    for answer in answers {
        assert!(answer.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{answer}");
        assert!(
            answer.contains("www-authenticate: Basic realm=\"flowmeter\", charset=\"UTF-8\"\r\n"),
            "{answer}"
        );
        assert!(answer.contains("www-authenticate: Bearer realm=\"flowmeter\"\r\n"), "{answer}");
        assert!(!answer.contains("secret"), "{answer}");
    }
    assert_eq!(called.load(Ordering::SeqCst), 0);
}

#[test]
fn only_what_is_taken_is_asked_for() {
    let basic = AuthOptions::default().with_basic("me", Secret::new("pass"));
    let server = start(&options().with_auth(basic), echo);
    let answer = with(&server, &get("/"), BEARER);
    assert!(answer.contains("www-authenticate: Basic ") && !answer.contains("Bearer"), "{answer}");
    let bearer = AuthOptions::default().with_bearer_token(Secret::new("token"));
    let server = start(&options().with_auth(bearer), echo);
    let answer = with(&server, &get("/"), BASIC);
    assert!(answer.contains("www-authenticate: Bearer ") && !answer.contains("Basic"), "{answer}");
}

#[test]
fn each_request_of_a_connection_is_looked_at() {
    let server = start(&options().with_auth(both()), echo);
    let first = format!("GET /1 HTTP/1.1\r\nHost: h\r\nAuthorization: {BEARER}\r\n\r\n");
    let answer = exchange(&server, first + &get("/2"));
    assert!(
        answer.contains("/1 None") && answer.contains("401 Unauthorized") && !answer.contains("/2"),
        "{answer}"
    );
}

#[test]
fn secrets_are_not_shown() {
    let options = options().with_auth(both());
    let shown = format!("{options:?}");
    assert!(shown.contains("\"me\"") && !shown.contains("pass\"") && !shown.contains("\"token"), "{shown}");
}
