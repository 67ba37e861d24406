//! What there is to know of beans.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::node::{Members, Node};
use super::parameters::Parameters;
use super::problem::Problem;
use crate::model::{MBean, MBeans, ObjectName};

/// The beans by domain and by properties, as far as a path has them. What a path leads to that is not there is an empty object.
pub(super) fn list<'a>(
    beans: &'a MBeans,
    path: &[String],
    parameters: &Parameters,
) -> Result<Node<'a>, Problem> {
    let (found, is_choice): (Vec<_>, _) = match path {
        [] => (beans.iter().collect(), false),
        [domain, rest @ ..] => {
            let properties = rest.first().map_or("*", String::as_str);
            let name = ObjectName::asked(&format!("{domain}:{properties}"));
            let name = name.map_err(|error| Problem::illegal_argument(error.to_string()))?;
            // What has a `*` is no step of the path but chooses some of the beans.
            let is_choice = if rest.is_empty() { domain.contains(['*', '?']) } else { name.is_pattern() };
            (beans.query(&name).collect(), is_choice)
        }
    };
    let tree = tree(&found, parameters);
    let node = match path {
        [_, _, rest @ ..] if is_choice => {
            let any = ["*".to_owned(), "*".to_owned()];
            tree.at(&[&any[..], rest].concat())
        }
        _ if is_choice => Some(tree),
        _ => tree.at(&in_tree(path, &found, parameters)),
    };
    Ok(node.unwrap_or_else(|| Node::Object(Vec::new())))
}

/// The path with the properties in the order in which the tree has them.
fn in_tree(path: &[String], found: &[&MBean], parameters: &Parameters) -> Vec<String> {
    let mut path = path.to_vec();
    if let ([_, properties, ..], [bean]) = (&mut path[..], found) {
        *properties = self::properties(bean, parameters).into_owned();
    }
    path
}

fn tree<'a>(beans: &[&'a MBean], parameters: &Parameters) -> Node<'a> {
    let mut domains: BTreeMap<&str, Members<'a>> = BTreeMap::new();
    for bean in beans {
        let about = Node::About(bean, parameters.list_keys);
        domains.entry(bean.name().domain()).or_default().push((properties(bean, parameters), about));
    }
    let domain = |(domain, beans)| (Cow::Borrowed(domain), Node::Object(beans));
    Node::Object(domains.into_iter().map(domain).collect())
}

/// What stands behind the colon of a name.
fn properties<'a>(bean: &'a MBean, parameters: &Parameters) -> Cow<'a, str> {
    let start = bean.name().domain().len() + 1;
    match name(bean.name(), parameters) {
        Cow::Borrowed(name) => Cow::Borrowed(&name[start..]),
        Cow::Owned(mut name) => Cow::Owned(name.split_off(start)),
    }
}

/// A name as the client wants it.
pub(super) fn name<'a>(name: &'a ObjectName, parameters: &Parameters) -> Cow<'a, str> {
    if parameters.canonical_naming { name.canonical().into() } else { name.to_string().into() }
}

/// What a bean is. There are no operations, and of notifications Jolokia's protocol has none here.
pub(super) fn about(bean: &MBean, has_keys: bool) -> Members<'_> {
    let class = bean.class();
    let attribute = |info: &'_ crate::model::AttributeInfo| {
        vec![
            (Cow::Borrowed("rw"), Node::Boolean(false)),
            ("type".into(), Node::text(info.java_type)),
            ("desc".into(), Node::Text(info.description.clone())),
        ]
    };
    let attributes = class.attributes.iter();
    let attributes = attributes.map(|info| (Cow::Borrowed(&*info.name), Node::Object(attribute(info))));
    let mut members: Members<'_> = vec![
        ("attr".into(), Node::Object(attributes.collect())),
        ("class".into(), Node::text(&class.name)),
        ("desc".into(), Node::text(&class.description)),
    ];
    if has_keys {
        let keys = bean.name().properties().map(|(key, value)| (key.into(), Node::text(value)));
        members.push(("keys".into(), Node::Object(keys.collect())));
    }
    members
}
