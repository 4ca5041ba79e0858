//! What `#[config(...)]`, `#[serde(...)]` and the doc comments say of a type or a field. What serde could do and the check could not
//! follow is refused here: better no check than a wrong one.

use super::case::Case;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Error, Expr, ExprArray, ExprLit, Lit, LitInt, LitStr, Meta, Result, Token, Type, UnOp};

/// Of a type, a field or a variant.
pub(crate) struct Attributes {
    pub(crate) doc: String,
    pub(crate) rename: Option<String>,
    pub(crate) rename_all: Case,
    /// May be absent.
    pub(crate) default: bool,
    pub(crate) skip: bool,
    /// `#[serde(from = "...")]` or `try_from`: what it is made from.
    pub(crate) from: Option<Type>,
    /// `#[config(part)]`: not the settings themselves.
    pub(crate) part: bool,
    /// `#[config(any)]`: left to serde.
    pub(crate) any: bool,
    pub(crate) min: Option<Number>,
    pub(crate) max: Option<Number>,
    pub(crate) min_len: Option<usize>,
    pub(crate) max_len: Option<usize>,
    pub(crate) one_of: Vec<String>,
}

/// As written, for the schema, and as it is compared.
pub(crate) struct Number {
    pub(crate) text: String,
    pub(crate) value: f64,
}

impl Attributes {
    pub(crate) fn read(attributes: &[Attribute]) -> Result<Self> {
        let mut read = Self {
            doc: String::new(),
            rename: None,
            rename_all: Case::AsIs,
            default: false,
            skip: false,
            from: None,
            part: false,
            any: false,
            min: None,
            max: None,
            min_len: None,
            max_len: None,
            one_of: Vec::new(),
        };
        let mut foreign = None;
        for attribute in attributes {
            if attribute.path().is_ident("doc") {
                read.doc(&attribute.meta);
            } else if attribute.path().is_ident("config") {
                attribute.parse_nested_meta(|meta| read.config(&meta))?;
            } else if attribute.path().is_ident("serde") {
                attribute.parse_nested_meta(|meta| read.serde(&meta, &mut foreign))?;
            }
        }
        foreign.filter(|_| !read.any).map_or(Ok(read), Err)
    }

    fn doc(&mut self, meta: &Meta) {
        if let Meta::NameValue(pair) = meta
            && let Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) = &pair.value
        {
            let space = if self.doc.is_empty() { "" } else { " " };
            self.doc += &format!("{space}{}", line.value().trim());
        }
    }

    fn config(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let name = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
        match name.as_str() {
            "part" => self.part = true,
            "any" => self.any = true,
            "min" => self.min = Some(number(&meta.value()?.parse()?)?),
            "max" => self.max = Some(number(&meta.value()?.parse()?)?),
            "min_len" => self.min_len = Some(meta.value()?.parse::<LitInt>()?.base10_parse()?),
            "max_len" => self.max_len = Some(meta.value()?.parse::<LitInt>()?.base10_parse()?),
            "one_of" => self.one_of = texts(&meta.value()?.parse()?)?,
            _ => return Err(meta.error("`#[config]` knows min, max, min_len, max_len, one_of, any and part")),
        }
        Ok(())
    }

    fn serde(&mut self, meta: &ParseNestedMeta<'_>, foreign: &mut Option<Error>) -> Result<()> {
        let name = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
        let has_value = meta.input.peek(Token![=]);
        match name.as_str() {
            "rename" if has_value => self.rename = Some(meta.value()?.parse::<LitStr>()?.value()),
            "rename_all" if has_value => self.rename_all = Case::parse(&meta.value()?.parse()?)?,
            "from" | "try_from" if has_value => self.from = Some(meta.value()?.parse::<LitStr>()?.parse()?),
            "skip" | "skip_deserializing" => self.skip = true,
            "default" if has_value => {
                meta.value()?.parse::<Expr>()?;
                self.default = true;
            }
            "default" => self.default = true,
            "deny_unknown_fields" | "skip_serializing" => {}
            "crate" | "skip_serializing_if" | "serialize_with" | "expecting" => drop(meta.value()?.parse::<Expr>()?),
            "with" | "deserialize_with" => {
                meta.value()?.parse::<Expr>()?;
                *foreign = Some(meta.error("`Config` cannot know what this reads: mark the field `#[config(any)]`"));
            }
            _ => return Err(meta.error("`Config` does not follow this of serde: settings may derive `Deserialize` alone")),
        }
        Ok(())
    }
}

fn number(expr: &Expr) -> Result<Number> {
    let wrong = || Error::new_spanned(expr, "expected a number");
    let (sign, digits) = match expr {
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => ("-", &*unary.expr),
        other => ("", other),
    };
    let digits = match digits {
        Expr::Lit(ExprLit { lit: Lit::Int(int), .. }) => int.base10_digits().to_owned(),
        Expr::Lit(ExprLit { lit: Lit::Float(float), .. }) => float.base10_digits().to_owned(),
        _ => return Err(wrong()),
    };
    let value = format!("{sign}{digits}").parse::<f64>().map_err(|_| wrong())?;
    // JSON knows no `1.`.
    Ok(Number { text: value.to_string(), value })
}

fn texts(array: &ExprArray) -> Result<Vec<String>> {
    let text = |expr: &Expr| match expr {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(text.value()),
        other => Err(Error::new_spanned(other, "expected a text")),
    };
    array.elems.iter().map(text).collect()
}
