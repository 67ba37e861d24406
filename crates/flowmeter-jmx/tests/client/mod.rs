//! A client of JMX by RMI, as small as can be.

#![allow(dead_code, unreachable_pub, reason = "not every test needs all of it")]

mod decode;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

pub use decode::{Decoder, Value};
use flowmeter_core::ReporterHandle;

/// A client with a connection of its own.
pub struct Client {
    pub stream: TcpStream,
    /// The object that is asked for beans.
    pub connection: [u8; 22],
}

pub const REGISTRY: [u8; 22] = [0; 22];
pub const REGISTRY_HASH: u64 = 0x4415_4dc9_d4e6_3bdf;
pub const NEW_CLIENT: u64 = 0xf0e0_74ea_ad0c_aea8;
pub const GET_ATTRIBUTE: u64 = 0xf0e0_500a_394d_7215;
pub const GET_ATTRIBUTES: u64 = 0x5739_d96a_8b23_5c47;
pub const GET_CONNECTION_ID: u64 = 0xff0e_bec7_7dc6_5363;
pub const GET_DEFAULT_DOMAIN: u64 = 0x53ed_a2d8_2e1b_dfa8;
pub const IS_INSTANCE_OF: u64 = 0xe232_7cc9_422d_bcf2;
pub const GET_MBEAN_INFO: u64 = 0x993c_d0f9_b981_7af6;
pub const QUERY_NAMES: u64 = 0x7f04_73ac_b736_77da;
pub const CLOSE: u64 = 0xbe2e_5bc7_809d_0dcc;
pub const FETCH: u64 = 0xba17_1f3d_c87c_75e2;
pub const ADD_LISTENERS: u64 = 0xb625_8d6e_656d_6eef;

/// Where a reporter listens.
pub fn address(endpoint: &str) -> String {
    let address = endpoint.strip_prefix("service:jmx:rmi:///jndi/rmi://").unwrap();
    address.strip_suffix("/jmxrmi").unwrap().to_owned()
}

/// A socket that has greeted the server.
pub fn greeted(endpoint: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address(endpoint)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(b"JRMI\0\x02\x4b").unwrap();
    let mut head = [0; 3];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(head[0], 0x4e);
    let mut rest = vec![0; usize::from(u16::from_be_bytes([head[1], head[2]])) + 4];
    stream.read_exact(&mut rest).unwrap();
    stream.write_all(b"\0\x09127.0.0.1\0\0\0\0").unwrap();
    stream
}

/// A call, with the bytes of its arguments.
pub fn call(object: &[u8; 22], operation: i32, hash: u64, arguments: &[Vec<u8>]) -> Vec<u8> {
    call_with(object, operation, hash, &[], arguments)
}

/// The same, with primitive values first.
pub fn call_with(
    object: &[u8; 22],
    operation: i32,
    hash: u64,
    primitives: &[u8],
    arguments: &[Vec<u8>],
) -> Vec<u8> {
    let mut bytes = vec![0x50, 0xac, 0xed, 0, 5, 0x77, 34 + primitives.len() as u8];
    bytes.extend(object);
    bytes.extend(operation.to_be_bytes());
    bytes.extend(hash.to_be_bytes());
    bytes.extend(primitives);
    arguments.iter().for_each(|argument| bytes.extend(argument));
    bytes
}

pub fn null() -> Vec<u8> {
    vec![0x70]
}

fn utf(text: &str) -> Vec<u8> {
    // The server's own writer is checked elsewhere; here a text is one of Java's if it has no NUL and nothing beyond the basic plane.
    let mut bytes = Vec::new();
    for unit in text.encode_utf16() {
        match unit {
            1..0x80 => bytes.push(unit as u8),
            0 | 0x80..0x800 => bytes.extend([0xc0 | (unit >> 6) as u8, 0x80 | (unit & 0x3f) as u8]),
            _ => bytes.extend([
                0xe0 | (unit >> 12) as u8,
                0x80 | (unit >> 6 & 0x3f) as u8,
                0x80 | (unit & 0x3f) as u8,
            ]),
        }
    }
    [&(bytes.len() as u16).to_be_bytes()[..], &bytes].concat()
}

pub fn text(text: &str) -> Vec<u8> {
    [&[0x74][..], &utf(text)].concat()
}

pub fn class(name: &str, uid: u64, flags: u8) -> Vec<u8> {
    [&[0x72][..], &utf(name), &uid.to_be_bytes(), &[flags, 0, 0, 0x70, 0x78, 0x70]].concat()
}

pub fn name(name: &str) -> Vec<u8> {
    let class = class("javax.management.ObjectName", 0x0f03_a71b_eb6d_15cf, 3);
    [&[0x73][..], &class, &text(name), &[0x78]].concat()
}

pub fn texts(texts: &[&str]) -> Vec<u8> {
    let class = class("[Ljava.lang.String;", 0xadd2_56e7_e91d_7b47, 2);
    let mut bytes = [&[0x75][..], &class, &(texts.len() as u32).to_be_bytes()].concat();
    texts.iter().for_each(|each| bytes.extend(text(each)));
    bytes
}

/// An array of one element.
pub fn array(class_name: &str, uid: u64, element: &[u8]) -> Vec<u8> {
    [&[0x75][..], &class(class_name, uid, 2), &[0, 0, 0, 1], element].concat()
}

/// What comes back: a result, or an exception.
pub type Answer = Result<Value, Value>;

/// Reads an answer whose end is where it decodes to.
pub fn answer(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 1 << 16];
    loop {
        let length = stream.read(&mut chunk).unwrap();
        assert!(length > 0, "the server has closed the connection after {bytes:02x?}");
        bytes.extend(&chunk[..length]);
        if let Some(answer) = decode(&bytes) {
            return answer;
        }
    }
}

/// Decodes an answer; nothing if it is cut.
pub fn decode(bytes: &[u8]) -> Option<Answer> {
    const HEADER: usize = 5 + 2 + 15;
    if bytes.len() < HEADER {
        return None;
    }
    assert_eq!(bytes[0], 0x51);
    let mut decoder = Decoder::new(&bytes[1..]);
    let Value::Block(header) = decoder.value()? else { panic!("an answer begins with a block") };
    let result = match header.len() {
        16 => Value::Number(header[15].into()),
        // Whoever asks for nothing knows that there is none.
        _ => decoder.value()?,
    };
    assert!(decoder.is_at_end());
    Some(if header[0] == 1 { Ok(result) } else { Err(result) })
}

/// The object of a stub.
pub fn object_of(stub: &Value) -> [u8; 22] {
    let block = stub.items().iter().rev().find_map(|item| match item {
        Value::Block(block) => Some(block.clone()),
        _ => None,
    });
    let block = block.unwrap();
    block[block.len() - 23..block.len() - 1].try_into().unwrap()
}

impl Client {
    pub fn new(reporter: &ReporterHandle) -> Self {
        Self::at(&reporter.endpoint().unwrap())
    }

    pub fn at(endpoint: &str) -> Self {
        Self::with(endpoint, null()).unwrap()
    }

    /// With credentials.
    pub fn with(endpoint: &str, credentials: Vec<u8>) -> Result<Self, Value> {
        let mut client = Self { stream: greeted(endpoint), connection: [0; 22] };
        let server = client.ask(&call(&REGISTRY, 2, REGISTRY_HASH, &[text("jmxrmi")])).unwrap();
        let server = object_of(&server);
        let connection = client.ask(&call(&server, -1, NEW_CLIENT, &[credentials]))?;
        client.connection = object_of(&connection);
        Ok(client)
    }

    pub fn ask(&mut self, call: &[u8]) -> Answer {
        self.stream.write_all(call).unwrap();
        answer(&mut self.stream)
    }

    /// Asks for nothing.
    pub fn void(&mut self, hash: u64, arguments: &[Vec<u8>]) {
        self.stream.write_all(&call(&self.connection, -1, hash, arguments)).unwrap();
        let mut answer = [0; 22];
        self.stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer[..8], [0x51, 0xac, 0xed, 0, 5, 0x77, 15, 1]);
    }

    pub fn call(&mut self, hash: u64, arguments: &[Vec<u8>]) -> Answer {
        let call = call(&self.connection, -1, hash, arguments);
        self.ask(&call)
    }

    /// The names that match a pattern.
    pub fn names(&mut self, pattern: &str) -> Vec<String> {
        let set = self.call(QUERY_NAMES, &[name(pattern), null(), null()]).unwrap();
        let names = set.items().iter().skip(1).map(|name| name.items()[0].text().to_owned());
        names.collect()
    }

    pub fn attribute(&mut self, bean: &str, attribute: &str) -> Answer {
        self.call(GET_ATTRIBUTE, &[name(bean), text(attribute), null()])
    }

    /// The attributes of a bean, with their values.
    pub fn attributes(&mut self, bean: &str) -> Vec<(String, Value)> {
        let names = self.attribute_names(bean);
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        self.values(bean, &names).unwrap()
    }

    pub fn attribute_names(&mut self, bean: &str) -> Vec<String> {
        let info = self.call(GET_MBEAN_INFO, &[name(bean), null()]).unwrap();
        let attributes = info.field("attributes").items();
        attributes.iter().map(|info| info.field("name").text().to_owned()).collect()
    }

    /// The values of attributes, without those that the bean does not have.
    pub fn values(&mut self, bean: &str, names: &[&str]) -> Result<Vec<(String, Value)>, Value> {
        let list = self.call(GET_ATTRIBUTES, &[name(bean), texts(names), null()])?;
        let pair = |item: &Value| (item.field("name").text().to_owned(), item.field("value").clone());
        Ok(list.items().iter().skip(1).map(pair).collect())
    }
}
