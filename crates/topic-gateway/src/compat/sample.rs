//! Values that are likely to fit a schema. Likely only: whoever uses one checks it.

use serde_json::{Map, Value, json};

use super::pool::{LONGEST, literal};

/// Schemas within each other that are followed.
const DEEPEST: usize = 8;

/// Values of one schema.
const MOST: usize = 24;

/// Keywords that say that objects are meant, where no type is named, and the same for arrays.
const OF_OBJECTS: [&str; 5] =
    ["properties", "required", "propertyNames", "minProperties", "dependentRequired"];
const OF_ARRAYS: [&str; 4] = ["items", "prefixItems", "contains", "minItems"];

/// Makes values by the schemas of one document.
pub(super) struct Sampler<'a> {
    pub(super) root: &'a Value,
}

impl Sampler<'_> {
    /// Some values, the plainest first.
    pub(super) fn values(&self, schema: &Value) -> Vec<Value> {
        self.sample(schema, 0)
    }

    fn sample(&self, schema: &Value, depth: usize) -> Vec<Value> {
        let Value::Object(_) = schema else { return plain() };
        if depth > DEEPEST {
            return plain();
        }
        let ways = self.joined(schema, depth);
        let mut ways: Vec<_> =
            ways.iter().map(|joined| self.of_joined(joined, depth).into_iter()).collect();
        let mut found = Vec::new();
        // The first of each way, then the second, so that no way is left out.
        while found.len() < MOST && !ways.is_empty() {
            ways.retain_mut(|way| {
                let value = way.next();
                found.extend(
                    value
                        .iter()
                        .filter(|value| !found.contains(*value))
                        .cloned()
                        .collect::<Vec<_>>(),
                );
                value.is_some()
            });
        }
        found
    }

    /// Schemas without `allOf`, `anyOf`, `oneOf`, `if` and `$ref`, each as one way through them.
    fn joined(&self, schema: &Value, depth: usize) -> Vec<Map<String, Value>> {
        let Value::Object(members) = schema else { return vec![Map::new()] };
        let mut ways = vec![members.clone()];
        if depth > DEEPEST {
            return ways;
        }
        let target = members.get("$ref").and_then(Value::as_str);
        let target = target.and_then(|reference| reference.strip_prefix('#'));
        if let Some(target) = target.and_then(|pointer| self.root.pointer(pointer)) {
            ways = choose(&ways, &self.joined(target, depth + 1));
        }
        for branch in list(members, "allOf") {
            ways = choose(&ways, &self.joined(branch, depth + 1));
        }
        for keyword in ["anyOf", "oneOf"] {
            let branches: Vec<_> = list(members, keyword)
                .iter()
                .flat_map(|branch| self.joined(branch, depth + 1))
                .collect();
            if !branches.is_empty() {
                ways = choose(&ways, &branches);
            }
        }
        if let Some(condition) = members.get("if") {
            let then = members.get("then").unwrap_or(&Value::Bool(true));
            let both = choose(&self.joined(condition, depth + 1), &self.joined(then, depth + 1));
            let other = members.get("else").map(|other| self.joined(other, depth + 1));
            let other = other.unwrap_or_else(|| vec![Map::new()]);
            let branches: Vec<_> = other.into_iter().chain(both).collect();
            ways = choose(&ways, &branches);
        }
        ways
    }

    fn of_joined(&self, members: &Map<String, Value>, depth: usize) -> Vec<Value> {
        if let Some(value) = members.get("const") {
            return vec![value.clone()];
        }
        if let Some(Value::Array(values)) = members.get("enum") {
            return values.clone();
        }
        let types: Vec<&str> = match members.get("type") {
            Some(Value::String(name)) => vec![name],
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ if OF_OBJECTS.iter().any(|keyword| members.contains_key(*keyword)) => {
                vec!["object", "string"]
            }
            _ if OF_ARRAYS.iter().any(|keyword| members.contains_key(*keyword)) => {
                vec!["array", "string"]
            }
            _ => vec!["string", "integer", "number", "null", "boolean", "object", "array"],
        };
        types.iter().flat_map(|name| self.of_type(name, members, depth)).collect()
    }

    fn of_type(&self, name: &str, members: &Map<String, Value>, depth: usize) -> Vec<Value> {
        match name {
            "string" => vec![Value::String(text(members))],
            "integer" => vec![json!(number(members))],
            "number" => vec![json!(number(members)), json!(1.5)],
            "null" => vec![Value::Null],
            "boolean" => vec![json!(true), json!(false)],
            "object" => self.objects(members, depth),
            "array" => self.arrays(members, depth),
            _ => Vec::new(),
        }
    }

    /// With what is required alone, with all properties, and with each other value of each property.
    fn objects(&self, members: &Map<String, Value>, depth: usize) -> Vec<Value> {
        let none = Map::new();
        let properties = members.get("properties").and_then(Value::as_object).unwrap_or(&none);
        let required = list(members, "required").iter().filter_map(Value::as_str);
        let mut least = Map::new();
        for name in required {
            let schema = properties.get(name).unwrap_or(&Value::Bool(true));
            let value = self.sample(schema, depth + 1).into_iter().next();
            least.insert(name.to_owned(), value.unwrap_or_default());
        }
        let fewest = size(members, "minProperties").unwrap_or(0);
        let mut made = vec![least.clone()];
        let mut whole = least.clone();
        for (name, schema) in properties {
            let values = self.sample(schema, depth + 1);
            if let Some(first) = values.first() {
                whole.entry(name.clone()).or_insert_with(|| first.clone());
            }
            for value in values.into_iter().take(MOST / 4) {
                let mut with = least.clone();
                with.insert(name.clone(), value);
                made.push(with);
            }
        }
        made.insert(1, whole);
        for (name, names) in
            members.get("dependentRequired").and_then(Value::as_object).unwrap_or(&none)
        {
            let mut with = least.clone();
            let names = names.as_array().into_iter().flatten().filter_map(Value::as_str);
            for name in names.chain([name.as_str()]) {
                with.entry(name).or_insert_with(|| json!("a"));
            }
            made.push(with);
        }
        for object in &mut made {
            for index in 0..fewest.saturating_sub(object.len()) {
                object.insert(format!("member{index}"), json!("a"));
            }
        }
        made.into_iter().map(Value::Object).collect()
    }

    fn arrays(&self, members: &Map<String, Value>, depth: usize) -> Vec<Value> {
        let fewest = size(members, "minItems").unwrap_or(0);
        let first = list(members, "prefixItems");
        let first = if first.is_empty() { list(members, "items") } else { first };
        let every = members.get("items").filter(|schema| !schema.is_array());
        let every = every.or_else(|| members.get("contains")).unwrap_or(&Value::Bool(true));
        let mut start: Vec<Value> = first
            .iter()
            .filter_map(|schema| self.sample(schema, depth + 1).into_iter().next())
            .collect();
        let mut items = self.sample(every, depth + 1).into_iter();
        let Some(item) = items.next() else { return vec![Value::Array(start)] };
        while start.len() < fewest {
            start.push(item.clone());
        }
        let mut made = vec![start.clone(), [&start[..], std::slice::from_ref(&item)].concat()];
        made.push([&start[..], &[item.clone(), item]].concat());
        made.extend(items.map(|item| [&start[..], &[item]].concat()));
        made.into_iter().map(Value::Array).collect()
    }
}

/// Each way with each branch, but not all combinations: the first way with each, and each other way with the first.
fn choose(ways: &[Map<String, Value>], branches: &[Map<String, Value>]) -> Vec<Map<String, Value>> {
    let (Some(way), Some(branch)) = (ways.first(), branches.first()) else { return ways.to_vec() };
    let first = branches.iter().map(|branch| join(way, branch));
    first.chain(ways[1..].iter().map(|way| join(way, branch))).take(MOST).collect()
}

/// What both ask for, roughly: of one keyword in both the second one counts, unless it can be joined.
fn join(one: &Map<String, Value>, other: &Map<String, Value>) -> Map<String, Value> {
    let mut joined = one.clone();
    for (keyword, value) in other {
        match (joined.get_mut(keyword), value) {
            (Some(Value::Object(known)), Value::Object(more)) if keyword == "properties" => {
                for (name, schema) in more {
                    match known.get_mut(name) {
                        Some(known) => *known = json!({ "allOf": [known, schema] }),
                        None => drop(known.insert(name.clone(), schema.clone())),
                    }
                }
            }
            (Some(Value::Array(known)), Value::Array(more)) if keyword == "required" => {
                known.extend(more.iter().cloned());
            }
            _ => drop(joined.insert(keyword.clone(), value.clone())),
        }
    }
    joined
}

fn plain() -> Vec<Value> {
    vec![json!("a"), json!(1), json!(1.5), json!(null), json!(true), json!({}), json!([])]
}

fn list<'a>(members: &'a Map<String, Value>, keyword: &str) -> &'a [Value] {
    members.get(keyword).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn size(members: &Map<String, Value>, keyword: &str) -> Option<usize> {
    let size = members.get(keyword)?.as_u64()?;
    usize::try_from(size).ok().filter(|size| *size <= LONGEST)
}

fn text(members: &Map<String, Value>) -> String {
    let mut text =
        members.get("pattern").and_then(Value::as_str).map_or_else(|| "a".to_owned(), literal);
    while text.chars().count() < size(members, "minLength").unwrap_or(0) {
        text.push('a');
    }
    match size(members, "maxLength") {
        Some(most) => text.chars().take(most).collect(),
        None => text,
    }
}

fn number(members: &Map<String, Value>) -> Value {
    let bound = |keyword: &str| members.get(keyword).filter(|value| value.is_number());
    if let Some(bound) = bound("minimum").or_else(|| bound("maximum")) {
        return bound.clone();
    }
    let beyond = |keyword, step| bound(keyword)?.as_i64()?.checked_add(step);
    let within = beyond("exclusiveMinimum", 1).or_else(|| beyond("exclusiveMaximum", -1));
    within.map(Value::from).or_else(|| bound("multipleOf").cloned()).unwrap_or(json!(1))
}
