//! What clients ask for.

use std::collections::HashSet;

use serde_json::{Map, Value as Json};

use super::parameters::Parameters;
use super::path::{join, split};
use super::problem::Problem;
use crate::model::ObjectName;

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) wanted: Wanted,
    /// The request as it is given back with its answer, by which clients tell answers apart.
    pub(super) echo: Map<String, Json>,
    pub(super) parameters: Parameters,
}

#[derive(Clone, Debug)]
pub(super) enum Wanted {
    Version,
    Search(ObjectName),
    List { path: Vec<String> },
    Read { name: ObjectName, attributes: Attributes, path: Vec<String> },
    Write { name: ObjectName, attribute: String },
    Exec { name: ObjectName, operation: String },
}

/// The attributes that are to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Attributes {
    All,
    One(String),
    Several(Vec<String>),
}

impl Attributes {
    /// The same without those that were there before: an answer is an object, which has each of them once.
    fn each_once(self) -> Self {
        let Self::Several(mut names) = self else { return self };
        let mut seen = HashSet::with_capacity(names.len());
        names.retain(|name| seen.insert(name.clone()));
        Self::Several(names)
    }
}

/// The most requests of one body.
pub(super) const MOST_REQUESTS: usize = 1_000;

/// The requests of a body: one, or several whose answers are to be a list.
#[derive(Clone, Debug)]
pub(super) enum Requests {
    One(Box<Request>),
    Several(Vec<Request>),
}

impl Requests {
    /// Reads a path behind that of the server, decoded.
    pub(super) fn of_path(path: &str, parameters: &Parameters) -> Result<Self, Problem> {
        let mut parts = split(path.trim_start_matches('/')).into_iter();
        let kind = parts.next().unwrap_or_else(|| "version".to_owned());
        let fields = Fields::of_parts(&kind.to_ascii_lowercase(), parts.collect());
        Request::new(&kind, fields, parameters.clone()).map(|request| Self::One(Box::new(request)))
    }

    /// Reads a body.
    pub(super) fn of_body(body: &[u8], parameters: &Parameters) -> Result<Self, Problem> {
        let invalid = |error| Problem::illegal_argument(format!("Invalid JSON request {error}"));
        let one = |fields: Map<String, Json>| {
            let parameters = parameters.with(fields.get("config"));
            let Some(Json::String(kind)) = fields.get("type") else {
                return Err(Problem::illegal_argument("No type given"));
            };
            Request::new(&kind.clone(), Fields::of_object(fields)?, parameters)
        };
        match serde_json::from_slice(body).map_err(invalid)? {
            Json::Object(fields) => one(fields).map(|request| Self::One(Box::new(request))),
            Json::Array(all) if all.len() > MOST_REQUESTS => Err(Problem::illegal_argument(format!(
                "There are {} requests, of which there may be {MOST_REQUESTS} at a time",
                all.len()
            ))),
            Json::Array(all) => {
                let one = |request| match request {
                    Json::Object(fields) => one(fields),
                    other => Err(Problem::illegal_argument(format!(
                        "Not a request within the list of requests. Expected an object, but found: {other}"
                    ))),
                };
                all.into_iter().map(one).collect::<Result<_, _>>().map(Self::Several)
            }
            _ => Err(Problem::illegal_argument("Invalid JSON Request. Expected Object or Array")),
        }
    }

    /// Whether the answer says anything of beans.
    pub(super) fn are_about_beans(&self) -> bool {
        let is_about_beans = |request: &Request| !matches!(request.wanted, Wanted::Version);
        match self {
            Self::One(request) => is_about_beans(request),
            Self::Several(requests) => requests.iter().any(is_about_beans),
        }
    }
}

impl Request {
    fn new(kind: &str, fields: Fields, parameters: Parameters) -> Result<Self, Problem> {
        let Fields { mbean, attributes, operation, path, mut echo } = fields;
        let kind_here = kind.to_ascii_lowercase();
        let name = || {
            let mbean =
                mbean.as_deref().ok_or_else(|| Problem::illegal_argument("Objectname can not be null"))?;
            let invalid = |error| Problem::illegal_argument(format!("Invalid object name. {error}"));
            ObjectName::asked(mbean).map_err(invalid)
        };
        let wanted = match &*kind_here {
            "version" => Wanted::Version,
            "search" => Wanted::Search(name()?),
            "list" => Wanted::List { path },
            "read" => Wanted::Read { name: name()?, attributes, path },
            "write" => {
                let Attributes::One(attribute) = attributes else {
                    return Err(Problem::illegal_argument("No attribute given"));
                };
                Wanted::Write { name: name()?, attribute }
            }
            "exec" => {
                let no_operation = || Problem::illegal_argument("No operation given");
                Wanted::Exec { name: name()?, operation: operation.ok_or_else(no_operation)? }
            }
            _ => return Err(Problem::illegal_argument(format!("No type with name '{kind}' exists"))),
        };
        echo.insert("type".to_owned(), kind_here.into());
        Ok(Self { wanted, echo, parameters })
    }
}

/// What a request says, however it came.
struct Fields {
    mbean: Option<String>,
    attributes: Attributes,
    operation: Option<String>,
    path: Vec<String>,
    /// What is given back of it.
    echo: Map<String, Json>,
}

impl Fields {
    /// From the parts of a path behind the type, which is in lower case.
    fn of_parts(kind: &str, parts: Vec<String>) -> Self {
        let mut fields = Self::empty();
        let mut parts = parts.into_iter();
        if !matches!(kind, "list" | "version") {
            fields.set_mbean(parts.next());
        }
        match kind {
            "read" => match parts.next() {
                Some(names) if names.contains(',') => {
                    fields.set_attributes(Attributes::Several(names.split(',').map(str::to_owned).collect()));
                }
                Some(name) => fields.set_attributes(Attributes::One(name)),
                None => {}
            },
            "write" => {
                fields.set_attributes(parts.next().map_or(Attributes::All, Attributes::One));
                fields.echo.extend(parts.next().map(|value| ("value".to_owned(), value.into())));
            }
            "exec" => {
                fields.set_operation(parts.next());
                let arguments: Vec<_> = parts.by_ref().collect();
                if !arguments.is_empty() {
                    fields.echo.insert("arguments".to_owned(), arguments.into());
                }
            }
            _ => {}
        }
        fields.set_path(parts.collect());
        fields
    }

    /// From the members of an object.
    fn of_object(mut object: Map<String, Json>) -> Result<Self, Problem> {
        let text = |value: Option<Json>, name: &str| match value {
            None | Some(Json::Null) => Ok(None),
            Some(Json::String(text)) => Ok(Some(text)),
            Some(_) => Err(Problem::illegal_argument(format!("'{name}' is not a text"))),
        };
        let mut fields = Self::empty();
        fields.set_mbean(text(object.remove("mbean"), "mbean")?);
        fields.set_operation(text(object.remove("operation"), "operation")?);
        fields.set_path(text(object.remove("path"), "path")?.map_or_else(Vec::new, |path| split(&path)));
        let attributes = match object.remove("attribute") {
            Some(Json::Array(names)) if names.is_empty() => Attributes::All,
            Some(Json::Array(names)) => {
                let name = |name| {
                    text(Some(name), "attribute")?
                        .ok_or_else(|| Problem::illegal_argument("'attribute' has a null"))
                };
                Attributes::Several(names.into_iter().map(name).collect::<Result<_, _>>()?)
            }
            attribute => text(attribute, "attribute")?.map_or(Attributes::All, Attributes::One),
        };
        fields.set_attributes(attributes);
        for name in ["value", "arguments"] {
            fields.echo.extend(object.remove_entry(name));
        }
        Ok(fields)
    }

    fn empty() -> Self {
        let (attributes, path, echo) = (Attributes::All, Vec::new(), Map::new());
        Self { mbean: None, attributes, operation: None, path, echo }
    }

    fn set_mbean(&mut self, mbean: Option<String>) {
        self.echo.extend(mbean.clone().map(|mbean| ("mbean".to_owned(), mbean.into())));
        self.mbean = mbean;
    }

    fn set_operation(&mut self, operation: Option<String>) {
        self.echo.extend(operation.clone().map(|operation| ("operation".to_owned(), operation.into())));
        self.operation = operation;
    }

    fn set_attributes(&mut self, attributes: Attributes) {
        let echo: Json = match &attributes {
            Attributes::All => Json::Null,
            Attributes::One(name) => name.clone().into(),
            // Jolokia gives a list of one back as that one.
            Attributes::Several(names) => match &**names {
                [name] => name.clone().into(),
                names => names.into(),
            },
        };
        if !echo.is_null() {
            self.echo.insert("attribute".to_owned(), echo);
        }
        self.attributes = attributes.each_once();
    }

    fn set_path(&mut self, path: Vec<String>) {
        if !path.is_empty() {
            self.echo.insert("path".to_owned(), join(&path).into());
        }
        self.path = path;
    }
}
