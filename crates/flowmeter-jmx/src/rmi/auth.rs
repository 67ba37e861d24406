//! Who may open a connection.

use flowmeter_http::AuthOptions;

use super::classes as c;
use super::exception::Exception;
use super::object::Object;

/// Looks whether credentials are right: a user name and its password, in an array, as the JDK has it, with the words of the JDK where
/// they are not. Returns the user name, empty where none is wanted.
pub(crate) fn authenticate(auth: &AuthOptions, credentials: &Object) -> Result<String, Exception> {
    let Some((username, password)) = &auth.basic else { return Ok(String::new()) };
    let failed = |why: &str| Err(Exception::security(format!("Authentication failed! {why}")));
    if credentials.is_null() {
        return failed("Credentials required");
    }
    let Some(credentials) = credentials.array(&c::STRING_ARRAY) else {
        return failed("Credentials should be String[]");
    };
    let [given_name, given_password] = credentials else {
        return failed(&format!("Credentials should have 2 elements not {}", credentials.len()));
    };
    let (Some(given_name), Some(given_password)) = (given_name.text(), given_password.text()) else {
        return failed("Username or password is null");
    };
    // Both are compared even if one is wrong, so that nobody learns which.
    let is_user = flowmeter_http::Secret::new(username.as_str()).equals(given_name);
    if is_user & password.equals(given_password) {
        Ok(username.clone())
    } else {
        failed("Invalid username or password")
    }
}
