//! Values of attributes.

use std::collections::HashSet;

use super::list::name;
use super::node::{Members, Node};
use super::parameters::Parameters;
use super::problem::Problem;
use super::request::Attributes;
use crate::model::{MBean, MBeans, ObjectName};

/// What is read of beans, and of which.
pub(super) struct Values<'r, 'a> {
    pub(super) node: Node<'r>,
    pub(super) of: Vec<&'a MBean>,
}

pub(super) fn read<'r, 'a: 'r>(
    beans: &'a MBeans,
    wanted: &ObjectName,
    attributes: &'r Attributes,
    parameters: &Parameters,
) -> Result<Values<'r, 'a>, Problem> {
    if wanted.is_pattern() {
        return read_all(beans, wanted, attributes, parameters);
    }
    let bean = beans.get(wanted).ok_or_else(|| Problem::instance_not_found(wanted.to_string()))?;
    let node = match attributes {
        Attributes::All => Node::Object(all(bean)),
        Attributes::One(attribute) => {
            Node::Value(bean.value(attribute).ok_or_else(|| Problem::no_such_attribute(attribute))?)
        }
        Attributes::Several(names) => {
            let value = |attribute: &'r String| {
                let node = match bean.value(attribute) {
                    Some(value) => Node::Value(value),
                    None => {
                        let problem = Problem::no_such_attribute(attribute);
                        if !parameters.ignore_errors {
                            return Err(problem);
                        }
                        Node::Text(problem.instead_of_value().into())
                    }
                };
                Ok((attribute.into(), node))
            };
            Node::Object(names.iter().map(value).collect::<Result<_, _>>()?)
        }
    };
    Ok(Values { node, of: vec![bean] })
}

/// Reads all beans that have one of the attributes.
fn read_all<'r, 'a: 'r>(
    beans: &'a MBeans,
    pattern: &ObjectName,
    attributes: &'r Attributes,
    parameters: &Parameters,
) -> Result<Values<'r, 'a>, Problem> {
    let mut members = Vec::new();
    let mut of = Vec::new();
    let mut has_any = false;
    let chosen: Option<HashSet<&str>> = match attributes {
        Attributes::All => None,
        Attributes::One(attribute) => Some(HashSet::from([&**attribute])),
        Attributes::Several(attributes) => Some(attributes.iter().map(String::as_str).collect()),
    };
    for bean in beans.query(pattern) {
        has_any = true;
        let mut values = all(bean);
        // It has a dozen, whatever a client asks for.
        if let Some(chosen) = &chosen {
            values.retain(|(attribute, _)| chosen.contains(&**attribute));
        }
        if !values.is_empty() {
            members.push((name(bean.name(), parameters), Node::Object(values)));
            of.push(bean);
        }
    }
    if !has_any {
        let message = format!("No MBean with pattern {pattern} found for reading attributes");
        return Err(Problem::instance_not_found(message));
    }
    match attributes {
        Attributes::One(attribute) if of.is_empty() => {
            Err(no_matching(std::slice::from_ref(attribute), pattern))
        }
        Attributes::Several(attributes) if of.is_empty() => Err(no_matching(attributes, pattern)),
        _ => Ok(Values { node: Node::Object(members), of }),
    }
}

fn no_matching(attributes: &[String], pattern: &ObjectName) -> Problem {
    let attributes = attributes.join(", ");
    Problem::illegal_argument(format!("No matching attributes [{attributes}] found on MBeans {pattern}"))
}

fn all(bean: &MBean) -> Members<'_> {
    let names = bean.class().attributes.iter().map(|info| (&*info.name).into());
    names.zip(bean.values().iter().map(Node::Value)).collect()
}
