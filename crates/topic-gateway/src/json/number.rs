//! Numbers as Python keeps them: integers of any size, and floats.

use std::cmp::Ordering;

use num_bigint::{BigInt, Sign, ToBigInt as _};

/// A number; never infinite and never "not a number".
#[derive(Debug, Clone, PartialEq)]
pub enum Number {
    /// Written without a fraction and an exponent.
    Int(i64),
    /// The same, outside the range of [`Number::Int`].
    Big(BigInt),
    /// Written with a fraction or an exponent.
    Float(f64),
}

impl Number {
    /// An integer in its one form: small if it can be.
    pub fn from_big(big: BigInt) -> Self {
        i64::try_from(&big).map_or(Self::Big(big), Self::Int)
    }

    /// Whether the value is a whole number, as `1.0` is.
    pub fn is_integral(&self) -> bool {
        match self {
            Self::Int(_) | Self::Big(_) => true,
            Self::Float(float) => float.fract() == 0.0,
        }
    }

    /// Whether it was written as an integer, as `1.0` was not.
    pub fn is_written_as_integer(&self) -> bool {
        matches!(self, Self::Int(_) | Self::Big(_))
    }

    /// The nearest float; an infinite one beyond the range of floats.
    pub fn to_f64(&self) -> f64 {
        match self {
            #[expect(clippy::as_conversions, reason = "rounds to the nearest float, as is wanted")]
            Self::Int(int) => *int as f64,
            // Reading the digits rounds correctly.
            Self::Big(big) => big.to_string().parse().unwrap_or(f64::INFINITY),
            Self::Float(float) => *float,
        }
    }

    /// The order of the exact values: 2⁵³ + 1 is above the float 2⁵³.
    pub fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Int(one), Self::Int(other)) => one.cmp(other),
            (Self::Float(one), Self::Float(other)) => {
                one.partial_cmp(other).unwrap_or(Ordering::Equal)
            }
            (Self::Int(one), Self::Float(other)) => compare_with_float(*one, *other),
            (Self::Float(one), Self::Int(other)) => compare_with_float(*other, *one).reverse(),
            (Self::Big(one), Self::Float(other)) => compare_big_with_float(one, *other),
            (Self::Float(one), Self::Big(other)) => compare_big_with_float(other, *one).reverse(),
            (Self::Big(one), Self::Big(other)) => one.cmp(other),
            (Self::Int(_), Self::Big(big)) => sign_against_small(big).reverse(),
            (Self::Big(big), Self::Int(_)) => sign_against_small(big),
        }
    }

    /// Python's answer to `multipleOf`: integers exactly, floats by the quotient that floats give.
    ///
    /// `0.3` is therefore no multiple of `0.1`. A quotient beyond the range of floats is judged by exact fractions.
    pub fn is_multiple_of(&self, divisor: &Self) -> bool {
        match (self, divisor) {
            (Self::Float(float), Self::Int(_) | Self::Big(_)) => float % divisor.to_f64() == 0.0,
            (Self::Int(one), Self::Int(divisor)) => one.checked_rem(*divisor).unwrap_or(0) == 0,
            (_, Self::Float(float)) => {
                let quotient = self.to_f64() / float;
                if quotient.is_finite() {
                    quotient.fract() == 0.0
                } else {
                    is_exact_multiple(self, *float)
                }
            }
            (one, divisor) => match (one.to_big(), divisor.to_big()) {
                (Some(one), Some(divisor)) => (one % divisor).sign() == Sign::NoSign,
                (Some(_), None) | (None, Some(_)) | (None, None) => false,
            },
        }
    }

    /// The integer, if it was written as one.
    pub(super) fn to_big(&self) -> Option<BigInt> {
        match self {
            Self::Int(int) => Some(BigInt::from(*int)),
            Self::Big(big) => Some(big.clone()),
            Self::Float(_) => None,
        }
    }
}

/// How an integer beyond 64 bits stands to every integer within.
fn sign_against_small(big: &BigInt) -> Ordering {
    if big.sign() == Sign::Minus { Ordering::Less } else { Ordering::Greater }
}

fn compare_with_float(int: i64, float: f64) -> Ordering {
    /// 2⁶³, the first float above every `i64`.
    const END: f64 = 9_223_372_036_854_775_808.0;
    if float >= END {
        Ordering::Less
    } else if float < -END {
        Ordering::Greater
    } else {
        #[expect(
            clippy::as_conversions,
            clippy::cast_possible_truncation,
            reason = "whole and in range, checked above"
        )]
        let whole = float.trunc() as i64;
        int.cmp(&whole).then_with(|| 0.0_f64.partial_cmp(&float.fract()).unwrap_or(Ordering::Equal))
    }
}

fn compare_big_with_float(big: &BigInt, float: f64) -> Ordering {
    // `to_bigint` cuts the fraction off; floats beyond 64 bits have none.
    match float.to_bigint() {
        Some(whole) => big.cmp(&whole),
        None => sign_against_small(big),
    }
}

/// Whether `number / divisor` is whole, by exact fractions; Python's way out when the quotient overflows.
fn is_exact_multiple(number: &Number, divisor: f64) -> bool {
    let (mantissa, exponent) = match number {
        Number::Float(float) => decode(*float),
        Number::Int(_) | Number::Big(_) => (number.to_big().unwrap_or_default(), 0),
    };
    let (by, by_exponent) = decode(divisor);
    let shift = exponent - by_exponent;
    let (mut dividend, mut by) = (mantissa, by);
    if shift >= 0 {
        dividend <<= shift;
    } else {
        by <<= -shift;
    }
    by.sign() != Sign::NoSign && (dividend % by).sign() == Sign::NoSign
}

/// A finite float as `mantissa * 2^exponent` (IEEE 754, binary64).
fn decode(float: f64) -> (BigInt, i32) {
    let bits = float.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    let stored = i32::try_from((bits >> 52) & 0x7ff).unwrap_or_default();
    let (mantissa, exponent) =
        if stored == 0 { (fraction, -1074) } else { (fraction | (1 << 52), stored - 1075) };
    let mantissa = BigInt::from(mantissa);
    (if float.is_sign_negative() { -mantissa } else { mantissa }, exponent)
}
