//! Bodies of requests.

use std::future::poll_fn;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body::Body;
use hyper::body::Incoming;

use crate::Response;

/// Receives all of a body, or says why not. One that is announced to be too large is refused before it comes.
pub(crate) async fn receive(mut body: Incoming, most: usize) -> Result<Bytes, Response> {
    let too_large =
        || Response::error(StatusCode::PAYLOAD_TOO_LARGE, format!("a body can have {most} bytes\n"));
    if body.size_hint().lower() > most as u64 {
        return Err(too_large());
    }
    let mut received = BytesMut::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let frame = frame.map_err(|_| Response::bad_request("the body has no end\n"))?;
        // What is no data is a trailer, which nobody needs.
        let Ok(data) = frame.into_data() else { continue };
        if received.len() + data.len() > most {
            return Err(too_large());
        }
        received.extend_from_slice(&data);
    }
    Ok(received.freeze())
}
