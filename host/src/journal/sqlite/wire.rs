//! How values are written into columns and read back: integers, blobs, and small JSON texts of this module's own shape. What is
//! written here is a contract with the files of earlier versions; the nouns themselves know nothing of it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use rusqlite::{
    Row,
    types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    event::{Attribute, BatchId, EventId, Failure, Header, Message, MessageId, Name, RunId, Stage, StateEntry, Timestamp},
    journal::{AuditOutcome, BatchState, DeliveryState, FlushReason, RunState, Saw, SawState, StageRecord},
};

/// The columns of a row, read from left to right, so that what is selected and what is read are two lists in the same order.
pub(super) struct Columns<'r> {
    row: &'r Row<'r>,
    next: usize,
}

impl<'r> Columns<'r> {
    /// From the first column on.
    pub(super) fn of(row: &'r Row<'r>) -> Self {
        Self { row, next: 0 }
    }

    /// The next column.
    pub(super) fn take<T: FromSql>(&mut self) -> rusqlite::Result<T> {
        self.next += 1;
        self.row.get(self.next - 1)
    }

    /// The next column, a sequence number or a size.
    pub(super) fn whole(&mut self) -> rusqlite::Result<u64> {
        self.take::<Whole>().map(|whole| whole.0)
    }

    /// The next column, a body.
    pub(super) fn bytes(&mut self) -> rusqlite::Result<Bytes> {
        self.take::<Vec<u8>>().map(Bytes::from)
    }

    /// The next two columns: what [`message`] wrote, and the body.
    pub(super) fn message(&mut self) -> rusqlite::Result<Message> {
        let Json(form) = self.take::<Json<MessageForm>>()?;
        let body = self.take::<Option<Vec<u8>>>()?.map(Bytes::from);
        Ok(form.with_body(body))
    }
}

/// SQLite's integers are signed. Nothing real exceeds them; what does (a time that means "never") becomes the largest.
#[derive(Clone, Copy)]
pub(super) struct Whole(pub(super) u64);

impl ToSql for Whole {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(i64::try_from(self.0).unwrap_or(i64::MAX).into())
    }
}

impl FromSql for Whole {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = value.as_i64()?;
        u64::try_from(number).map(Self).map_err(|_| FromSqlError::OutOfRange(number))
    }
}

impl ToSql for Timestamp {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(i64::try_from(self.0).unwrap_or(i64::MAX).into())
    }
}

impl FromSql for Timestamp {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Whole::column_result(value).map(|whole| Self(whole.0))
    }
}

impl ToSql for Name {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_str().into())
    }
}

impl FromSql for Name {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str()?.parse().map_err(FromSqlError::other)
    }
}

/// Ids are kept as their raw bytes: half the size of their text.
macro_rules! as_blob {
    ($($id:ident),+) => {$(
        impl ToSql for $id {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.as_bytes().as_slice().into())
            }
        }

        impl FromSql for $id {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                FromSql::column_result(value).map(Self::from_bytes)
            }
        }
    )+};
}
as_blob!(EventId, MessageId, BatchId, RunId);

/// Gives an enum the codes it has on disk. A code never changes its meaning and is never given twice.
macro_rules! as_code {
    ($state:ident { $($variant:ident = $code:literal),+ $(,)? }) => {
        impl ToSql for $state {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(match self { $(Self::$variant => $code,)+ }.into())
            }
        }

        impl FromSql for $state {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                match value.as_i64()? {
                    $($code => Ok(Self::$variant),)+
                    other => Err(FromSqlError::OutOfRange(other)),
                }
            }
        }
    };
}
as_code!(RunState { Pending = 0, Held = 1, Batched = 2, Planned = 3, Dropped = 4, Dead = 5 });
as_code!(DeliveryState { Waiting = 0, Delivered = 1, Dead = 2 });
as_code!(BatchState { Open = 0, Closed = 1, Planned = 2, Dropped = 3, Dead = 4 });
as_code!(AuditOutcome { Begun = 0, Done = 1, Refused = 2, Failed = 3, DryRun = 4 });
as_code!(FlushReason { Size = 0, Bytes = 1, Age = 2, RuleChanged = 3, Manual = 4 });

/// A column of JSON text.
pub(super) struct Json<T>(pub(super) T);

impl<T: Serialize> ToSql for Json<T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let text = serde_json::to_string(&self.0).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        Ok(text.into())
    }
}

impl<T: DeserializeOwned> FromSql for Json<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?).map(Self).map_err(FromSqlError::other)
    }
}

/// `[["name", "value"], ...]`
type Pairs = Vec<(String, String)>;

/// Headers as a column.
pub(super) fn headers(headers: &[Header]) -> Json<Vec<(&str, &str)>> {
    Json(headers.iter().map(|header| (header.name.as_str(), header.value.as_str())).collect())
}

/// Headers from a column.
pub(super) fn headers_of(Json(pairs): Json<Pairs>) -> Vec<Header> {
    pairs.into_iter().map(|(name, value)| Header { name, value }).collect()
}

/// Attributes as a column.
pub(super) fn attributes(attributes: &[Attribute]) -> Json<Vec<(&str, &str)>> {
    Json(attributes.iter().map(|attribute| (attribute.key.as_str(), attribute.value.as_str())).collect())
}

/// Attributes from a column.
pub(super) fn attributes_of(Json(pairs): Json<Pairs>) -> Vec<Attribute> {
    pairs.into_iter().map(|(key, value)| Attribute { key, value }).collect()
}

/// `["code", "message"]`
impl ToSql for Failure {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(serde_json::Value::from([self.code.as_str(), self.message.as_str()].as_slice()).to_string().into())
    }
}

impl FromSql for Failure {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Json::<(String, String)>::column_result(value).map(|Json((code, message))| Self { code, message })
    }
}

/// A message without its body, which has a column of its own.
#[derive(Serialize, Deserialize)]
struct MessageForm {
    #[serde(rename = "type")]
    event_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    headers: Pairs,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    attributes: Pairs,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    route: Option<Name>,
}

impl MessageForm {
    fn with_body(self, body: Option<Bytes>) -> Message {
        Message {
            event_type: self.event_type,
            content_type: self.content_type,
            headers: headers_of(Json(self.headers)),
            body,
            attributes: attributes_of(Json(self.attributes)),
            route: self.route,
        }
    }
}

/// A message as a column, without its body.
pub(super) fn message(message: &Message) -> impl ToSql {
    let pair = |first: &String, second: &String| (first.clone(), second.clone());
    Json(MessageForm {
        event_type: message.event_type.clone(),
        content_type: message.content_type.clone(),
        headers: message.headers.iter().map(|header| pair(&header.name, &header.value)).collect(),
        attributes: message.attributes.iter().map(|attribute| pair(&attribute.key, &attribute.value)).collect(),
        route: message.route.clone(),
    })
}

/// A stage as people will read it back: they get this JSON as it is.
#[derive(Serialize)]
struct StageForm<'s> {
    plugin: &'s Name,
    digest: String,
    export: &'s str,
    result: &'s str,
    messages: u32,
    fuel: u64,
    memory_bytes: u64,
    elapsed_us: u64,
    instantiate_us: u64,
    logs: &'s [String],
}

/// Stages as a column.
pub(super) fn stages(stages: &[Stage]) -> impl ToSql {
    let form = |stage: &Stage| {
        serde_json::to_value(StageForm {
            plugin: &stage.plugin,
            digest: stage.digest.to_string(),
            export: stage.export,
            result: &stage.result,
            messages: stage.messages,
            fuel: stage.fuel,
            memory_bytes: stage.memory_bytes,
            elapsed_us: stage.elapsed_us,
            instantiate_us: stage.instantiate_us,
            logs: &stage.logs,
        })
        .unwrap_or_default()
    };
    Json(stages.iter().map(form).collect::<Vec<StageRecord>>())
}

/// What a failed run saw, as a column: values in base64.
#[derive(Serialize, Deserialize)]
struct SawForm {
    now: u64,
    attempt: u32,
    cut: bool,
    state: Vec<SawStateForm>,
}

#[derive(Serialize, Deserialize)]
struct SawStateForm {
    plugin: Name,
    key: String,
    /// Value, version, and when it expires; nothing where nothing was.
    entry: Option<(String, u64, Option<u64>)>,
}

/// What a failed run saw as a column.
pub(super) fn saw(saw: &Saw) -> impl ToSql {
    let entry = |entry: &StateEntry| (STANDARD.encode(&entry.value), entry.version, entry.expires_at.map(|at| at.0));
    let of_key = |SawState { plugin, key, entry: found }: &SawState| SawStateForm {
        plugin: plugin.clone(),
        key: key.clone(),
        entry: found.as_ref().map(entry),
    };
    Json(SawForm { now: saw.now.0, attempt: saw.attempt, cut: saw.cut, state: saw.state.iter().map(of_key).collect() })
}

/// What a failed run saw from a column.
pub(super) fn saw_of(row: &Row<'_>) -> rusqlite::Result<Option<Saw>> {
    let Some(Json(form)) = row.get::<_, Option<Json<SawForm>>>(0)? else { return Ok(None) };
    let of_key = |SawStateForm { plugin, key, entry }: SawStateForm| {
        let entry = entry.map(|(value, version, expires_at)| {
            let value = STANDARD.decode(value).map_err(FromSqlError::other)?;
            Ok::<_, FromSqlError>(StateEntry { value: value.into(), version, expires_at: expires_at.map(Timestamp) })
        });
        Ok(SawState { plugin, key, entry: entry.transpose()? })
    };
    let state = form.state.into_iter().map(of_key).collect::<Result<_, FromSqlError>>()?;
    Ok(Some(Saw { now: Timestamp(form.now), attempt: form.attempt, state, cut: form.cut }))
}
