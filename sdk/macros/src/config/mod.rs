//! `#[derive(Config)]`: the form of settings, as a schema and as a check, from the same type that serde reads.

mod attributes;
mod case;

use attributes::Attributes;
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DataStruct, DeriveInput, Error, Field, Fields, Ident, Result, Type};

const EXPECTS: &str =
    "`Config` is for structs with named fields or with one that has no name, and for enums whose variants have no fields";

/// The implementation, and for a guest what exports it.
pub(crate) fn derive(input: TokenStream) -> Result<TokenStream> {
    let input: DeriveInput = syn::parse2(input)?;
    if let Some(parameter) = input.generics.params.first() {
        return Err(Error::new_spanned(parameter, "`Config` is for types without parameters"));
    }
    let attributes = Attributes::read(&input.attrs)?;
    let (schema, check) = match &input.data {
        _ if attributes.from.is_some() => converted(&attributes),
        Data::Struct(DataStruct { fields: Fields::Unnamed(fields), .. }) if fields.unnamed.len() == 1 => {
            let ty = &fields.unnamed[0].ty;
            (quote! { <#ty as Config>::SCHEMA }, quote! { <#ty as Config>::check(value, path, problems); })
        }
        Data::Struct(data) => structure(&data.fields, &attributes, &input.ident)?,
        Data::Enum(data) => enumeration(&data.variants.iter().collect::<Vec<_>>(), &attributes)?,
        Data::Union(_) => return Err(Error::new_spanned(&input.ident, EXPECTS)),
    };
    let name = &input.ident;
    let exported = if attributes.part || matches!(input.data, Data::Enum(_)) { quote!() } else { export(name) };
    Ok(quote! {
        const _: () = {
            use ::sluicebox_sdk::config::{Config, Problem, Schema};

            #[automatically_derived]
            impl Config for #name {
                const SCHEMA: Schema = #schema;

                fn check(
                    value: &::sluicebox_sdk::serde_json::Value,
                    path: &::core::primitive::str,
                    problems: &mut ::std::vec::Vec<Problem>,
                ) {
                    #check
                }
            }

            #exported
        };
    })
}

/// The settings themselves: their check is the component's, and their schema a section of it.
fn export(name: &Ident) -> TokenStream {
    quote! {
        struct Plugin;

        impl ::sluicebox_sdk::export::Lifecycle for Plugin {
            fn validate_config(
                config: &::core::primitive::str,
            ) -> ::core::result::Result<(), ::std::vec::Vec<Problem>> {
                ::sluicebox_sdk::export::validate_config::<#name>(config)
            }
        }

        #[cfg(not(target_family = "wasm"))]
        const _: () = ::sluicebox_sdk::export::lifecycle(&Plugin);

        #[cfg(target_family = "wasm")]
        ::sluicebox_sdk::export::lifecycle::export!(Plugin with_types_in ::sluicebox_sdk::export::lifecycle);

        #[cfg(target_family = "wasm")]
        #[used]
        #[allow(unsafe_code, reason = "a custom section is no part of the program")]
        #[unsafe(link_section = "sluicebox:config-schema")]
        static SCHEMA: [u8; <#name as Config>::SCHEMA.len()] = <#name as Config>::SCHEMA.array();
    }
}

fn structure(fields: &Fields, of_type: &Attributes, name: &Ident) -> Result<(TokenStream, TokenStream)> {
    let Fields::Named(fields) = fields else { return Err(Error::new_spanned(name, EXPECTS)) };
    let (mut names, mut required, mut properties, mut checks) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for field in &fields.named {
        let attributes = Attributes::read(&field.attrs)?;
        if attributes.skip {
            continue;
        }
        let name = name_of(field, &attributes, of_type);
        let needed = !attributes.default && !of_type.default && !is_option(&field.ty);
        let (ty, members, limits) =
            (type_of(field, &attributes), members(&attributes, is_option(&field.ty)), limits(&attributes));
        let comma = if names.is_empty() { "" } else { "," };
        let title = format!("{comma}{}:", json(&name));
        properties.push(quote! { .and(#title).then(&<#ty as Config>::SCHEMA.with(#members)) });
        checks.push(quote! { ::sluicebox_sdk::config::field::<#ty>(members, (path, #name, #needed), &#limits, problems); });
        required.extend(needed.then(|| json(&name)));
        names.push(name);
    }
    let open = format!("{{\"type\":\"object\",{}\"properties\":{{", description(of_type, ","));
    let close = format!("}},\"required\":[{}],\"additionalProperties\":false}}", required.join(","));
    let schema = quote! { Schema::new(#open) #(#properties)* .and(#close) };
    let check = quote! {
        if let ::core::option::Option::Some(members) = ::sluicebox_sdk::config::table(value, path, &[#(#names),*], problems) {
            #(#checks)*
            let _ = members;
        }
    };
    Ok((schema, check))
}

/// What serde makes from another type has that type's form; whether it can be made, serde says.
fn converted(of_type: &Attributes) -> (TokenStream, TokenStream) {
    let (from, members, limits) = (&of_type.from, members(of_type, false), limits(of_type));
    let schema = quote! { <#from as Config>::SCHEMA.with(#members) };
    let check = quote! { ::sluicebox_sdk::config::converted::<#from, Self>(value, path, &#limits, problems); };
    (schema, check)
}

fn enumeration(variants: &[&syn::Variant], of_type: &Attributes) -> Result<(TokenStream, TokenStream)> {
    let mut names = Vec::new();
    for variant in variants {
        if !matches!(variant.fields, Fields::Unit) {
            return Err(Error::new_spanned(variant, EXPECTS));
        }
        let attributes = Attributes::read(&variant.attrs)?;
        if !attributes.skip {
            names.push(attributes.rename.unwrap_or_else(|| of_type.rename_all.variant(&variant.ident.to_string())));
        }
    }
    let list = names.iter().map(|name| json(name)).collect::<Vec<_>>().join(",");
    let schema = format!("{{{}\"enum\":[{list}]}}", description(of_type, ","));
    Ok((quote! { Schema::new(#schema) }, quote! { ::sluicebox_sdk::config::variant(value, path, &[#(#names),*], problems); }))
}

fn name_of(field: &Field, attributes: &Attributes, of_type: &Attributes) -> String {
    let written = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
    attributes.rename.clone().unwrap_or_else(|| of_type.rename_all.field(written.trim_start_matches("r#")))
}

fn type_of(field: &Field, attributes: &Attributes) -> TokenStream {
    let ty = &field.ty;
    if attributes.any { quote!(::sluicebox_sdk::config::Any<#ty>) } else { quote!(#ty) }
}

/// By its name alone, as serde does it.
fn is_option(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|segment| segment.ident == "Option"))
}

/// What the field's own attributes add to the schema of its type.
fn members(attributes: &Attributes, may_be_null: bool) -> String {
    let mut members = Vec::new();
    members.extend(Some(description(attributes, "")).filter(|text| !text.is_empty()));
    members.extend(attributes.min.as_ref().map(|min| format!("\"minimum\":{}", min.text)));
    members.extend(attributes.max.as_ref().map(|max| format!("\"maximum\":{}", max.text)));
    for (prefix, len) in [("min", attributes.min_len), ("max", attributes.max_len)] {
        for of in ["Length", "Items", "Properties"] {
            members.extend(len.map(|len| format!("\"{prefix}{of}\":{len}")));
        }
    }
    if !attributes.one_of.is_empty() {
        // As the bounds let pass what is no number, this has to let pass what is no text.
        let null = may_be_null.then(|| "null".to_owned());
        let list = attributes.one_of.iter().map(|text| json(text)).chain(null).collect::<Vec<_>>().join(",");
        members.push(format!("\"enum\":[{list}]"));
    }
    members.join(",")
}

fn description(attributes: &Attributes, end: &str) -> String {
    if attributes.doc.is_empty() { String::new() } else { format!("\"description\":{}{end}", json(&attributes.doc)) }
}

fn limits(attributes: &Attributes) -> TokenStream {
    let option = |value: Option<TokenStream>| {
        value.map_or_else(|| quote!(::core::option::Option::None), |value| quote!(::core::option::Option::Some(#value)))
    };
    let number = |number: &Option<attributes::Number>| {
        option(number.as_ref().map(|number| {
            let (value, text) = (number.value, &number.text);
            quote!((#value, #text))
        }))
    };
    let (min, max) = (number(&attributes.min), number(&attributes.max));
    let (min_len, max_len) = (option(attributes.min_len.map(|n| quote!(#n))), option(attributes.max_len.map(|n| quote!(#n))));
    let one_of = &attributes.one_of;
    quote! {
        ::sluicebox_sdk::config::Limits { min: #min, max: #max, min_len: #min_len, max_len: #max_len, one_of: &[#(#one_of),*] }
    }
}

/// A text in JSON.
fn json(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted += &format!("\\u{:04x}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}
