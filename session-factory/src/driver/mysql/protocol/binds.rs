//! Converts the binds of a prepared statement from diesel's form to the protocol's.

use bytes::BufMut;
use diesel::QueryResult;
use diesel::deserialize::FromSql;
use diesel::mysql::data_types::MysqlTime;
use diesel::mysql::{Mysql, MysqlType, MysqlValue};
use diesel::result::Error;
use diesel::sql_types::Timestamp;
use mysql_common::constants::ColumnType;

/// Returns the body of `COM_STMT_EXECUTE`.
///
/// # Errors
/// If the protocol cannot represent a date or a time.
pub(in super::super) fn encode(
    id: u32,
    types: &[MysqlType],
    binds: &[Option<Vec<u8>>],
) -> QueryResult<Vec<u8>> {
    let mut body = Vec::with_capacity(16 + 12 * binds.len());
    body.put_u32_le(id);
    // Flags: no cursor. Then the number of iterations: one.
    body.put_u8(0);
    body.put_u32_le(1);
    if binds.is_empty() {
        return Ok(body);
    }
    let mut nulls = vec![0_u8; binds.len().div_ceil(8)];
    for (number, bind) in binds.iter().enumerate() {
        if bind.is_none() {
            nulls[number / 8] |= 1 << (number % 8);
        }
    }
    body.extend(nulls);
    // The types follow.
    body.put_u8(1);
    for kind in types {
        let (kind, unsigned) = protocol_type(*kind);
        body.put_u8(kind as u8);
        body.put_u8(if unsigned { 0x80 } else { 0 });
    }
    for (kind, bind) in types.iter().zip(binds) {
        if let Some(bind) = bind {
            value(&mut body, *kind, bind)?;
        }
    }
    Ok(body)
}

fn protocol_type(kind: MysqlType) -> (ColumnType, bool) {
    use ColumnType as Type;
    match kind {
        MysqlType::Tiny => (Type::MYSQL_TYPE_TINY, false),
        MysqlType::UnsignedTiny => (Type::MYSQL_TYPE_TINY, true),
        MysqlType::Short => (Type::MYSQL_TYPE_SHORT, false),
        MysqlType::UnsignedShort => (Type::MYSQL_TYPE_SHORT, true),
        MysqlType::Long => (Type::MYSQL_TYPE_LONG, false),
        MysqlType::UnsignedLong => (Type::MYSQL_TYPE_LONG, true),
        MysqlType::LongLong => (Type::MYSQL_TYPE_LONGLONG, false),
        MysqlType::UnsignedLongLong => (Type::MYSQL_TYPE_LONGLONG, true),
        MysqlType::Float => (Type::MYSQL_TYPE_FLOAT, false),
        MysqlType::Double => (Type::MYSQL_TYPE_DOUBLE, false),
        MysqlType::Time => (Type::MYSQL_TYPE_TIME, false),
        MysqlType::Date | MysqlType::DateTime | MysqlType::Timestamp => {
            (Type::MYSQL_TYPE_DATETIME, false)
        }
        MysqlType::Blob | MysqlType::Bit => (Type::MYSQL_TYPE_BLOB, false),
        // Strings, and types that later versions of diesel may add.
        _ => (Type::MYSQL_TYPE_VAR_STRING, false),
    }
}

fn value(body: &mut Vec<u8>, kind: MysqlType, bind: &[u8]) -> QueryResult<()> {
    let size = match kind {
        MysqlType::Tiny | MysqlType::UnsignedTiny => 1,
        MysqlType::Short | MysqlType::UnsignedShort => 2,
        MysqlType::Long | MysqlType::UnsignedLong | MysqlType::Float => 4,
        MysqlType::LongLong | MysqlType::UnsignedLongLong | MysqlType::Double => 8,
        MysqlType::Time => return time(body, bind, true),
        MysqlType::Date | MysqlType::DateTime | MysqlType::Timestamp => {
            return time(body, bind, false);
        }
        _ => {
            match bind.len() {
                length @ 0..=250 => body.put_uint_le(length as u64, 1),
                length @ 251..=0xFFFF => {
                    body.put_u8(0xFC);
                    body.put_uint_le(length as u64, 2);
                }
                length @ 0x1_0000..=0xFF_FFFF => {
                    body.put_u8(0xFD);
                    body.put_uint_le(length as u64, 3);
                }
                length => {
                    body.put_u8(0xFE);
                    body.put_u64_le(length as u64);
                }
            }
            body.extend_from_slice(bind);
            return Ok(());
        }
    };
    // diesel writes numbers in the machine's byte order, and a `bool` in more bytes than its type has.
    let mut number: Vec<u8> = bind.to_vec();
    if cfg!(target_endian = "big") {
        number.reverse();
    }
    number.resize(size, 0);
    body.extend(number);
    Ok(())
}

fn time(body: &mut Vec<u8>, bind: &[u8], is_time: bool) -> QueryResult<()> {
    let value = MysqlValue::new(bind, MysqlType::Timestamp);
    let time: MysqlTime =
        FromSql::<Timestamp, Mysql>::from_sql(value).map_err(Error::SerializationError)?;
    let narrow = |error| Error::SerializationError(Box::new(error));
    let byte = |part: u32| u8::try_from(part).map_err(narrow);
    if is_time {
        body.put_u8(12);
        body.put_u8(time.neg.into());
        body.put_u32_le(time.day);
    } else {
        body.put_u8(11);
        body.put_u16_le(u16::try_from(time.year).map_err(narrow)?);
        body.put_u8(byte(time.month)?);
        body.put_u8(byte(time.day)?);
    }
    body.put_u8(byte(time.hour)?);
    body.put_u8(byte(time.minute)?);
    body.put_u8(byte(time.second)?);
    // Less than a million. The conversion is needed because the field has another type on Windows.
    body.put_u32_le(u32::try_from(time.second_part).map_err(narrow)?);
    Ok(())
}
