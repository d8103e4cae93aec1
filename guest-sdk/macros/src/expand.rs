//! From a function to a tool.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, ExprLit, ItemFn, Lit, Meta, Result, parse_quote};

use crate::options::{Options, check_name};
use crate::signature;

/// The function as it is, and its tool or what is wrong with it. The function stays in either case: what else it is used
/// for should not be an error too.
pub(crate) fn tool(options: &Options, function: &ItemFn) -> TokenStream {
    let tool = implementation(options, function).unwrap_or_else(Error::into_compile_error);
    quote! {
        #function
        #tool
    }
}

fn implementation(options: &Options, function: &ItemFn) -> Result<TokenStream> {
    let ItemFn { vis, sig, attrs, .. } = function;
    let ident = &sig.ident;
    let types = signature::read(sig)?;
    let description = description(function)?;
    let name = match &options.name {
        Some(name) => name.value(),
        None => {
            let name = ident.unraw().to_string().replace('_', "-");
            check_name(&name).map_err(|reason| {
                Error::new(ident.span(), format!("{reason}; give it one with #[tool(name = \"…\")]"))
            })?;
            name
        }
    };
    let title = match &options.title {
        Some(title) => quote!(::core::option::Option::Some(#title)),
        None => quote!(::core::option::Option::None),
    };
    let Options { read_only, destructive, idempotent, .. } = options;
    let answer = &types.answer;
    let argument = types.argument.unwrap_or_else(|| parse_quote!(::cofferdam_sdk::__private::NoArguments));
    // Located at the types that were written, so that what is wrong with them is shown there.
    let read = quote_spanned!(argument.span()=> ::cofferdam_sdk::__private::arguments::<#argument>(arguments)?);
    let give = quote_spanned!(answer.span()=> ::cofferdam_sdk::__private::answer::<#answer>);
    let definition = quote_spanned!(argument.span()=> ::cofferdam_sdk::__private::definition::<#argument, #answer>);
    let call = if sig.inputs.is_empty() { quote!(#ident()) } else { quote!(#ident(arguments)) };
    let output = match &types.error {
        Some(error) => {
            let fail = quote_spanned!(error.span()=> ::cofferdam_sdk::__private::failure::<#error>);
            quote! {
                match #call {
                    ::core::result::Result::Ok(answer) => #give(answer),
                    ::core::result::Result::Err(error) => #fail(error),
                }
            }
        }
        None => quote!(#give(#call)),
    };
    let arguments = if sig.inputs.is_empty() { quote!(_) } else { quote!(arguments) };
    let cfgs: Vec<&Attribute> = attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).collect();

    // A type of the function's own name: types and functions are named apart, so that `use` and tools! find both.
    Ok(quote! {
        #(#cfgs)*
        #[doc(hidden)]
        #[allow(non_camel_case_types, reason = "it stands for the function of this name")]
        #[derive(Debug)]
        #vis enum #ident {}

        #(#cfgs)*
        impl ::cofferdam_sdk::Tool for #ident {
            const NAME: &'static str = #name;

            fn definition() -> ::cofferdam_sdk::Definition {
                #definition(
                    #name,
                    #title,
                    #description,
                    ::cofferdam_sdk::Hints {
                        read_only: #read_only,
                        destructive: #destructive,
                        idempotent: #idempotent,
                    },
                )
            }

            fn call(arguments: &str) -> ::core::result::Result<::cofferdam_sdk::Output, ::cofferdam_sdk::Error> {
                let #arguments = #read;
                #output
            }
        }
    })
}

/// The doc comment, each line without the blank that follows the slashes.
fn description(function: &ItemFn) -> Result<String> {
    let mut lines = Vec::new();
    for attribute in function.attrs.iter().filter(|attribute| attribute.path().is_ident("doc")) {
        let Meta::NameValue(doc) = &attribute.meta else { continue };
        let Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) = &doc.value else {
            return Err(Error::new(
                doc.value.span(),
                "a tool's description is written out: agents read it as it stands here",
            ));
        };
        let line = line.value();
        lines.extend(line.lines().map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end().to_owned()));
        if line.is_empty() {
            lines.push(String::new());
        }
    }
    let description = lines.join("\n").trim().to_owned();
    if description.is_empty() {
        return Err(Error::new(
            function.sig.ident.span(),
            "a tool needs a doc comment: it is the description by which agents choose it; say what it does and when to \
             use it",
        ));
    }
    Ok(description)
}
