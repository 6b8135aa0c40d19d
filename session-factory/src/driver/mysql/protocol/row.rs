//! Rows of the binary protocol, as diesel reads them.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use diesel::backend::Backend;
use diesel::mysql::data_types::{MysqlTime, MysqlTimestampType};
use diesel::mysql::{Mysql, MysqlType, MysqlValue};
use diesel::row::{Field, PartialRow, Row, RowIndex, RowSealed};
use mysql_common::constants::{ColumnFlags, ColumnType};
use mysql_common::io::ParseBuf;

/// The name and the type of a column.
#[derive(Debug, Clone)]
pub(in super::super) struct Column {
    pub(in super::super) name: String,
    pub(in super::super) kind: MysqlType,
}

impl Column {
    pub(super) fn parse(message: &[u8]) -> io::Result<Self> {
        let column: mysql_common::packets::Column = ParseBuf(message).parse(())?;
        Ok(Self {
            name: column.name_str().into_owned(),
            kind: kind(column.column_type(), column.flags()),
        })
    }
}

/// Where a value is stored; `None` if it is NULL.
type Place = Option<(Source, Range<usize>)>;

#[derive(Debug, Clone, Copy)]
enum Source {
    Message,
    Converted,
}

/// One row of a result.
#[derive(Debug)]
#[doc(hidden)]
pub struct MysqlRow {
    columns: Arc<[Column]>,
    message: Bytes,
    /// Dates and times, in the form that diesel reads.
    converted: Vec<u8>,
    places: Vec<Place>,
}

impl MysqlRow {
    pub(in super::super) fn parse(columns: &Arc<[Column]>, message: Bytes) -> Option<Self> {
        let mut row = Self {
            columns: Arc::clone(columns),
            message,
            converted: Vec::new(),
            places: Vec::with_capacity(columns.len()),
        };
        // A header, then the NULL bitmap: one bit for each column, beginning with the third bit.
        let nulls = 1..1 + (columns.len() + 9) / 8;
        let mut at = nulls.end;
        for (number, column) in columns.iter().enumerate() {
            let bit = number + 2;
            let is_null = row.message.get(nulls.start + bit / 8)? >> (bit % 8) & 1 == 1;
            let place = if is_null {
                None
            } else {
                let mut rest = row.message.get(at..)?;
                let before = rest.len();
                let length = value_length(column.kind, &mut rest)?;
                at += before - rest.len();
                let value = rest.get(..length)?;
                let range = at..at + length;
                at += length;
                if is_date_or_time(column.kind) {
                    let start = row.converted.len();
                    row.converted.extend(date_or_time(column.kind, value)?);
                    Some((Source::Converted, start..row.converted.len()))
                } else {
                    Some((Source::Message, range))
                }
            };
            row.places.push(place);
        }
        Some(row)
    }

    /// Copies a row that diesel-async's own client read.
    pub(in super::super) fn copied(fields: Vec<(Column, Option<Vec<u8>>)>) -> Self {
        let mut converted = Vec::new();
        let mut places = Vec::with_capacity(fields.len());
        let mut columns = Vec::with_capacity(fields.len());
        for (column, value) in fields {
            let start = converted.len();
            places.push(value.map(|value| {
                converted.extend_from_slice(&value);
                (Source::Converted, start..converted.len())
            }));
            columns.push(column);
        }
        let (columns, message) = (columns.into(), Bytes::new());
        Self {
            columns,
            message,
            converted,
            places,
        }
    }
}

/// Returns a value's length, and consumes the length prefix of types that have one.
fn value_length(kind: MysqlType, rest: &mut &[u8]) -> Option<usize> {
    Some(match kind {
        MysqlType::Tiny | MysqlType::UnsignedTiny => 1,
        MysqlType::Short | MysqlType::UnsignedShort => 2,
        MysqlType::Long | MysqlType::UnsignedLong | MysqlType::Float => 4,
        MysqlType::LongLong | MysqlType::UnsignedLongLong | MysqlType::Double => 8,
        kind if is_date_or_time(kind) => usize::from(rest.try_get_u8().ok()?),
        _ => usize::try_from(length_encoded(rest)?).ok()?,
    })
}

fn is_date_or_time(kind: MysqlType) -> bool {
    matches!(
        kind,
        MysqlType::Date | MysqlType::DateTime | MysqlType::Timestamp | MysqlType::Time
    )
}

/// Returns the value as `MYSQL_TIME`, the form in which diesel reads dates and times.
fn date_or_time(kind: MysqlType, mut value: &[u8]) -> Option<Vec<u8>> {
    let is_time = kind == MysqlType::Time;
    let (mut year, mut month, mut negative, mut day) = (0, 0, false, 0);
    if !value.is_empty() && is_time {
        negative = value.try_get_u8().ok()? == 1;
        day = value.try_get_u32_le().ok()?;
    } else if !value.is_empty() {
        year = u32::from(value.try_get_u16_le().ok()?);
        month = u32::from(value.try_get_u8().ok()?);
        day = u32::from(value.try_get_u8().ok()?);
    }
    let mut clock = [0; 3];
    for part in &mut clock {
        *part = u32::from(value.try_get_u8().unwrap_or(0));
    }
    let micros = value.try_get_u32_le().unwrap_or(0);
    let kind = if is_time {
        MysqlTimestampType::MYSQL_TIMESTAMP_TIME
    } else {
        MysqlTimestampType::MYSQL_TIMESTAMP_DATETIME
    };
    let [hour, minute, second] = clock;
    let time = MysqlTime::new(
        year,
        month,
        day,
        hour,
        minute,
        second,
        micros.into(),
        negative,
        kind,
        0,
    );
    Some(time.serialize().to_vec())
}

/// Reads a length-encoded number; `None` if it is NULL or malformed.
pub(super) fn length_encoded(rest: &mut &[u8]) -> Option<u64> {
    let length = match rest.try_get_u8().ok()? {
        0xFC => 2,
        0xFD => 3,
        0xFE => 8,
        0xFB | 0xFF => return None,
        small => return Some(small.into()),
    };
    rest.try_get_uint_le(length).ok()
}

/// Returns the values of a row of the text protocol.
pub(super) fn texts(mut message: &[u8]) -> Vec<Option<String>> {
    let mut values = Vec::new();
    while !message.is_empty() {
        let value = length_encoded(&mut message).map(|length| {
            let length = usize::try_from(length)
                .unwrap_or(usize::MAX)
                .min(message.len());
            let (value, rest) = message.split_at(length);
            message = rest;
            String::from_utf8_lossy(value).into_owned()
        });
        values.push(value);
    }
    values
}

impl RowIndex<usize> for MysqlRow {
    fn idx(&self, index: usize) -> Option<usize> {
        (index < self.columns.len()).then_some(index)
    }
}

impl<'a> RowIndex<&'a str> for MysqlRow {
    fn idx(&self, name: &'a str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

impl RowSealed for MysqlRow {}

impl<'a> Row<'a, Mysql> for MysqlRow {
    type Field<'f>
        = MysqlField<'f>
    where
        Self: 'f,
        'a: 'f;
    type InnerPartialRow = Self;

    fn field_count(&self) -> usize {
        self.columns.len()
    }

    fn get<'b, I>(&'b self, index: I) -> Option<Self::Field<'b>>
    where
        'a: 'b,
        Self: RowIndex<I>,
    {
        let index = self.idx(index)?;
        let value = self
            .places
            .get(index)?
            .as_ref()
            .and_then(|(source, range)| {
                let bytes = match source {
                    Source::Message => &self.message[..],
                    Source::Converted => &self.converted,
                };
                bytes.get(range.clone())
            });
        let column = self.columns.get(index)?;
        Some(MysqlField { column, value })
    }

    fn partial_row(&self, range: Range<usize>) -> PartialRow<'_, Self::InnerPartialRow> {
        PartialRow::new(self, range)
    }
}

/// One value of a row.
#[derive(Debug)]
#[doc(hidden)]
pub struct MysqlField<'row> {
    column: &'row Column,
    value: Option<&'row [u8]>,
}

impl Field<'_, Mysql> for MysqlField<'_> {
    fn field_name(&self) -> Option<&str> {
        Some(&self.column.name)
    }

    fn value(&self) -> Option<<Mysql as Backend>::RawValue<'_>> {
        Some(MysqlValue::new(self.value?, self.column.kind))
    }
}

/// Returns diesel's type for one of the protocol's types.
fn kind(column: ColumnType, flags: ColumnFlags) -> MysqlType {
    use ColumnType as Type;
    let unsigned = flags.contains(ColumnFlags::UNSIGNED_FLAG);
    let integer = |signed, other| if unsigned { other } else { signed };
    match column {
        Type::MYSQL_TYPE_NEWDECIMAL | Type::MYSQL_TYPE_DECIMAL => MysqlType::Numeric,
        Type::MYSQL_TYPE_TINY => integer(MysqlType::Tiny, MysqlType::UnsignedTiny),
        Type::MYSQL_TYPE_YEAR | Type::MYSQL_TYPE_SHORT => {
            integer(MysqlType::Short, MysqlType::UnsignedShort)
        }
        Type::MYSQL_TYPE_INT24 | Type::MYSQL_TYPE_LONG => {
            integer(MysqlType::Long, MysqlType::UnsignedLong)
        }
        Type::MYSQL_TYPE_LONGLONG => integer(MysqlType::LongLong, MysqlType::UnsignedLongLong),
        Type::MYSQL_TYPE_FLOAT => MysqlType::Float,
        Type::MYSQL_TYPE_DOUBLE => MysqlType::Double,
        Type::MYSQL_TYPE_TIMESTAMP | Type::MYSQL_TYPE_TIMESTAMP2 => MysqlType::Timestamp,
        Type::MYSQL_TYPE_DATE | Type::MYSQL_TYPE_NEWDATE => MysqlType::Date,
        Type::MYSQL_TYPE_TIME | Type::MYSQL_TYPE_TIME2 => MysqlType::Time,
        Type::MYSQL_TYPE_DATETIME | Type::MYSQL_TYPE_DATETIME2 => MysqlType::DateTime,
        Type::MYSQL_TYPE_BIT => MysqlType::Bit,
        Type::MYSQL_TYPE_ENUM => MysqlType::Enum,
        Type::MYSQL_TYPE_SET => MysqlType::Set,
        Type::MYSQL_TYPE_JSON => MysqlType::String,
        _ if flags.contains(ColumnFlags::ENUM_FLAG) => MysqlType::Enum,
        _ if flags.contains(ColumnFlags::SET_FLAG) => MysqlType::Set,
        _ if flags.contains(ColumnFlags::BINARY_FLAG) => MysqlType::Blob,
        Type::MYSQL_TYPE_GEOMETRY => MysqlType::Blob,
        _ => MysqlType::String,
    }
}
