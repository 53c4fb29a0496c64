//! What a token claims (RFC 7519, section 4.1), judged as PyJWT does.

use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::verify::{Identity, Refusal};

/// What is asked of claims.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// By how much the clock of whoever issues tokens may differ from this one; whole seconds.
    pub leeway: Duration,
    /// Who tokens may be for. When empty, a token must not say for whom it is.
    pub audiences: Vec<String>,
    /// Who may have issued tokens. When empty, this is not looked at.
    pub issuers: Vec<String>,
}

/// The claims that are looked at. One that occurs twice makes a token unreadable.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    #[serde(default, deserialize_with = "present")]
    exp: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    nbf: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    iat: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    aud: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    iss: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    sub: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    jti: Option<Value>,
}

/// A claim that is null is there all the same.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Claims {
    /// Judges them at `now`, in whole seconds since the Unix epoch.
    pub(super) fn check(&self, rules: &Rules, now: i64) -> Result<Identity, Refusal> {
        let (now, leeway) = (i128::from(now), i128::from(rules.leeway.as_secs()));
        let time = |claim: &Option<Value>| match claim {
            None => Ok(None),
            Some(value) => seconds(value).map(Some).ok_or(Refusal::Claims),
        };
        for beginning in [time(&self.iat)?, time(&self.nbf)?] {
            if beginning.is_some_and(|beginning| beginning > now + leeway) {
                return Err(Refusal::NotYetValid);
            }
        }
        if time(&self.exp)?.is_some_and(|end| end <= now - leeway) {
            return Err(Refusal::Expired);
        }
        if !rules.issuers.is_empty() {
            let issuer = self.iss.as_ref().and_then(Value::as_str).ok_or(Refusal::Issuer)?;
            if !rules.issuers.iter().any(|known| known == issuer) {
                return Err(Refusal::Issuer);
            }
        }
        check_audience(self.aud.as_ref(), &rules.audiences)?;
        if self.jti.as_ref().is_some_and(|id| !id.is_string()) {
            return Err(Refusal::Claims);
        }
        match &self.sub {
            None => Ok(Identity { subject: None }),
            Some(Value::String(subject)) => Ok(Identity { subject: Some(subject.clone()) }),
            Some(_) => Err(Refusal::Claims),
        }
    }
}

fn check_audience(claim: Option<&Value>, audiences: &[String]) -> Result<(), Refusal> {
    let claimed: Vec<&str> = match claim {
        None if audiences.is_empty() => return Ok(()),
        None => return Err(Refusal::Audience),
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several
            .iter()
            .map(|one| one.as_str().ok_or(Refusal::Audience))
            .collect::<Result<_, _>>()?,
        Some(_) => return Err(Refusal::Audience),
    };
    match audiences.iter().any(|known| claimed.contains(&known.as_str())) {
        true => Ok(()),
        false => Err(Refusal::Audience),
    }
}

/// A time in seconds as PyJWT reads one: a fraction is cut off, and digits may stand in a text.
fn seconds(value: &Value) -> Option<i128> {
    match value {
        Value::Number(number) => {
            let whole = number.as_i64().map(i128::from).or(number.as_u64().map(i128::from));
            // Beyond its range the cast stops at the end of it, which is as far away.
            whole.or_else(|| number.as_f64().filter(|f| f.is_finite()).map(|f| f as i128))
        }
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
