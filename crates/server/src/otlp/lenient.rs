//! Values of OTLP/JSON, read as liberally as protobuf's JSON mapping allows and a little more.
//!
//! 64-bit integers come as numbers or strings, fields that are null are unset, ids are hexadecimal, names of fields are
//! in camel case or as in the protobuf definition. Half a surrogate pair in a string (JavaScript cuts strings so) becomes
//! replacement characters.

use std::fmt;
use std::marker::PhantomData;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::SeverityNumber;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::base64;

/// First number above every `i64`, and above every `u64`.
const I64_END: f64 = 9_223_372_036_854_775_808.0;
const U64_END: f64 = 18_446_744_073_709_551_616.0;

/// For `deserialize_with`: a field that null leaves unset, read as `J`.
pub(super) fn read<'de, D, J, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    J: Deserialize<'de> + Into<T>,
    T: Default,
{
    Ok(Option::<J>::deserialize(deserializer)?.map(Into::into).unwrap_or_default())
}

/// A number that a JSON number or a string says.
enum Number {
    Unsigned(u64),
    Signed(i64),
    Double(f64),
}

/// A string.
pub(super) struct Text(String);

/// Bytes in hexadecimal.
pub(super) struct Hex(Vec<u8>);

/// A severity number, or its name.
pub(super) struct Severity(i32);

/// An unsigned integer of 64 bits.
pub(super) struct Unsigned64(u64);

/// An unsigned integer of 32 bits.
pub(super) struct Unsigned32(u32);

/// A list, each element read as `J`.
pub(super) struct List<J, T>(Vec<T>, PhantomData<J>);

/// An `AnyValue`.
pub(super) struct Any(Option<Value>);

/// A `KeyValue`.
pub(super) struct Pair(KeyValue);

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
    }
}

impl From<Hex> for Vec<u8> {
    fn from(hex: Hex) -> Self {
        hex.0
    }
}

impl From<Severity> for i32 {
    fn from(severity: Severity) -> Self {
        severity.0
    }
}

impl From<Unsigned64> for u64 {
    fn from(number: Unsigned64) -> Self {
        number.0
    }
}

impl From<Unsigned32> for u32 {
    fn from(number: Unsigned32) -> Self {
        number.0
    }
}

impl<J, T> From<List<J, T>> for Vec<T> {
    fn from(list: List<J, T>) -> Self {
        list.0
    }
}

impl From<Any> for Option<AnyValue> {
    fn from(any: Any) -> Self {
        Some(AnyValue { value: any.0 })
    }
}

impl From<Any> for AnyValue {
    fn from(any: Any) -> Self {
        Self { value: any.0 }
    }
}

impl From<Pair> for KeyValue {
    fn from(pair: Pair) -> Self {
        pair.0
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl Visitor<'_> for TextVisitor {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.to_owned()))
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Text, E> {
                Ok(Text(String::from_utf8_lossy(bytes).into_owned()))
            }
        }

        // As bytes, which may hold half a surrogate pair; a string may not.
        deserializer.deserialize_bytes(TextVisitor)
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Text::deserialize(deserializer)?.0;
        let digits: Option<Vec<u8>> =
            text.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
        match digits {
            Some(digits) if digits.len() % 2 == 0 => {
                Ok(Self(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()))
            }
            _ => {
                let shown: String = text.chars().take(40).collect();
                Err(Error::custom(format_args!("id {shown:?} is not hexadecimal")))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberVisitor;

        impl Visitor<'_> for NumberVisitor {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or a string of one")
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Number, E> {
                Ok(Number::Unsigned(number))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Number, E> {
                Ok(Number::Signed(number))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Number, E> {
                Ok(Number::Double(number))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Number, E> {
                if let Ok(number) = text.parse() {
                    return Ok(Number::Unsigned(number));
                }
                if let Ok(number) = text.parse() {
                    return Ok(Number::Signed(number));
                }
                // Also `NaN`, `Infinity` and `-Infinity`, as protobuf's JSON mapping spells them.
                text.parse().map(Number::Double).map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_any(NumberVisitor)
    }
}

impl Number {
    fn unsigned<E: Error>(self) -> Result<u64, E> {
        match self {
            Self::Unsigned(number) => Ok(number),
            Self::Double(number) if number.fract() == 0.0 && (0.0..U64_END).contains(&number) => Ok(number as u64),
            Self::Signed(number) => Err(E::custom(format_args!("{number} is below 0"))),
            Self::Double(number) => Err(E::custom(format_args!("{number} is no integer of 64 bits"))),
        }
    }

    /// As the value it is: an integer where it is one, also when it is too large for one in OTLP.
    fn value(self) -> Value {
        match self {
            Self::Signed(number) => Value::IntValue(number),
            Self::Unsigned(number) => i64::try_from(number).map_or(Value::DoubleValue(number as f64), Value::IntValue),
            Self::Double(number) if number.fract() == 0.0 && (-I64_END..I64_END).contains(&number) => {
                Value::IntValue(number as i64)
            }
            Self::Double(number) => Value::DoubleValue(number),
        }
    }

    fn double(self) -> f64 {
        match self {
            Self::Unsigned(number) => number as f64,
            Self::Signed(number) => number as f64,
            Self::Double(number) => number,
        }
    }
}

impl<'de> Deserialize<'de> for Unsigned64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Number::deserialize(deserializer)?.unsigned().map(Self)
    }
}

impl<'de> Deserialize<'de> for Unsigned32 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number: u64 = Number::deserialize(deserializer)?.unsigned()?;
        u32::try_from(number).map(Self).map_err(|_| Error::custom(format_args!("{number} is no integer of 32 bits")))
    }
}

impl<'de> Deserialize<'de> for Severity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(i32),
            Name(String),
        }

        match Either::deserialize(deserializer).map_err(|_| Error::custom("severityNumber must be a whole number"))? {
            Either::Number(number) => Ok(Self(number)),
            Either::Name(name) => SeverityNumber::from_str_name(&name)
                .map(|number| number as i32)
                .or_else(|| name.parse().ok())
                .map(Self)
                .ok_or_else(|| Error::custom("severityNumber must be a whole number, or its name in OTLP")),
        }
    }
}

impl<'de, J: Deserialize<'de> + Into<T>, T> Deserialize<'de> for List<J, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor<J, T>(PhantomData<(J, T)>);

        impl<'de, J: Deserialize<'de> + Into<T>, T> Visitor<'de> for ListVisitor<J, T> {
            type Value = List<J, T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<List<J, T>, A::Error> {
                let mut list = Vec::new();
                while let Some(element) = elements.next_element::<J>()? {
                    list.push(element.into());
                }
                Ok(List(list, PhantomData))
            }
        }

        deserializer.deserialize_seq(ListVisitor(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Any {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyVisitor;

        impl<'de> Visitor<'de> for AnyVisitor {
            type Value = Any;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with a value such as {\"stringValue\":\"…\"}")
            }

            fn visit_unit<E: Error>(self) -> Result<Any, E> {
                Ok(Any(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Any, A::Error> {
                let mut found = None;
                while let Some(name) = members.next_key::<Text>()? {
                    let value = match name.0.as_str() {
                        "stringValue" | "string_value" => {
                            members.next_value::<Option<Text>>()?.map(|text| Value::StringValue(text.0))
                        }
                        "boolValue" | "bool_value" => members.next_value::<Option<bool>>()?.map(Value::BoolValue),
                        "intValue" | "int_value" => members.next_value::<Option<Number>>()?.map(Number::value),
                        "doubleValue" | "double_value" => {
                            members.next_value::<Option<Number>>()?.map(|number| Value::DoubleValue(number.double()))
                        }
                        "bytesValue" | "bytes_value" => match members.next_value::<Option<Text>>()? {
                            Some(text) => Some(Value::BytesValue(
                                base64::decode(&text.0).ok_or_else(|| Error::custom("bytesValue is not base64"))?,
                            )),
                            None => None,
                        },
                        "arrayValue" | "array_value" => members
                            .next_value::<Option<Values<Any, AnyValue>>>()?
                            .map(|array| Value::ArrayValue(ArrayValue { values: array.values })),
                        "kvlistValue" | "kvlist_value" => members
                            .next_value::<Option<Values<Pair, KeyValue>>>()?
                            .map(|list| Value::KvlistValue(KeyValueList { values: list.values })),
                        _ => {
                            members.next_value::<IgnoredAny>()?;
                            None
                        }
                    };
                    found = value.or(found);
                }
                Ok(Any(found))
            }
        }

        deserializer.deserialize_any(AnyVisitor)
    }
}

/// `{"values":[…]}`
#[derive(serde::Deserialize)]
#[serde(bound(deserialize = "J: Deserialize<'de> + Into<T>"))]
struct Values<J, T> {
    #[serde(default, deserialize_with = "read::<_, List<J, T>, _>")]
    values: Vec<T>,
    #[serde(skip)]
    element: PhantomData<J>,
}

impl<'de> Deserialize<'de> for Pair {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        struct Members {
            #[serde(default, deserialize_with = "read::<_, Text, _>")]
            key: String,
            #[serde(default, deserialize_with = "read::<_, Any, _>")]
            value: Option<AnyValue>,
        }

        let Members { key, value } = Members::deserialize(deserializer)?;
        Ok(Self(KeyValue { key, value, key_strindex: 0 }))
    }
}

#[cfg(test)]
mod tests;
