//! What a tool answers.

use schemars::JsonSchema;
use serde::Serialize;

use crate::error::Error;
use crate::schema;

/// An answer of any form: text, JSON, images, files, several of them, in order.
///
/// ```
/// use cofferdam_sdk::Output;
///
/// let output = Output::text("Two pages.").image("image/png", vec![0x89]).image("image/png", vec![0x89]);
/// assert_eq!(output.content().len(), 3);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Output {
    content: Vec<Content>,
    is_error: bool,
}

/// One piece of an [`Output`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Text.
    Text(String),
    /// A JSON document.
    Json(String),
    /// An image.
    Image(Blob),
    /// Any other file.
    File(Blob),
}

/// Bytes with a media type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Such as `image/png`.
    pub media_type: String,
    /// A file name to suggest to whoever keeps the bytes.
    pub name: Option<String>,
    /// The bytes.
    pub data: Vec<u8>,
}

/// Text as a tool's answer. A plain `String` is a JSON answer like every other type that serializes; this is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(
    /// What the agent reads.
    pub String,
);

/// A JSON answer, with the schema of its type, and pieces behind it: images, files, more text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached<T>(
    /// The answer.
    pub T,
    /// What follows it.
    pub Vec<Content>,
);

impl Output {
    /// An output that holds nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// An output that begins with text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new().and_text(text)
    }

    /// An output that begins with a JSON document.
    ///
    /// # Errors
    ///
    /// [`Error::internal`] where `value` has no JSON form, such as a map whose keys are lists.
    pub fn json(value: &impl Serialize) -> Result<Self, Error> {
        Self::new().and_json(value)
    }

    /// Adds text.
    #[must_use]
    pub fn and_text(self, text: impl Into<String>) -> Self {
        self.and(Content::Text(text.into()))
    }

    /// Adds a JSON document.
    ///
    /// # Errors
    ///
    /// As for [`Output::json`].
    pub fn and_json(self, value: &impl Serialize) -> Result<Self, Error> {
        let text = serde_json::to_string(value)
            .map_err(|error| Error::internal(format!("the answer has no JSON form: {error}")))?;
        Ok(self.and(Content::Json(text)))
    }

    /// Adds an image, with its media type, such as `image/png`.
    #[must_use]
    pub fn image(self, media_type: impl Into<String>, data: impl Into<Vec<u8>>) -> Self {
        self.and(Content::Image(Blob { media_type: media_type.into(), name: None, data: data.into() }))
    }

    /// Adds a file, with its media type and a name to suggest, such as `report.csv`.
    #[must_use]
    pub fn file(self, media_type: impl Into<String>, name: impl Into<String>, data: impl Into<Vec<u8>>) -> Self {
        self.and(Content::File(Blob { media_type: media_type.into(), name: Some(name.into()), data: data.into() }))
    }

    /// Adds a piece.
    #[must_use]
    pub fn and(mut self, content: Content) -> Self {
        self.content.push(content);
        self
    }

    /// Marks the output as the answer that the work failed; its content says why. [`Error::failed`] does the same for
    /// one text.
    #[must_use]
    pub fn failed(mut self) -> Self {
        self.is_error = true;
        self
    }

    /// Its pieces, in order.
    pub fn content(&self) -> &[Content] {
        &self.content
    }

    /// Whether it says that the work failed.
    pub fn is_error(&self) -> bool {
        self.is_error
    }

    /// The text, where one text is all there is.
    pub fn as_text(&self) -> Option<&str> {
        match self.content.as_slice() {
            [Content::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The JSON document, where one is all there is.
    pub fn as_json(&self) -> Option<serde_json::Value> {
        match self.content.as_slice() {
            [Content::Json(text)] => serde_json::from_str(text).ok(),
            _ => None,
        }
    }

    #[cfg(target_family = "wasm")]
    pub(crate) fn into_parts(self) -> (Vec<Content>, bool) {
        (self.content, self.is_error)
    }
}

/// What a tool's function may return, or give in a `Result` beside [`Error`]: [`Text`], [`Output`], any type that
/// implements [`Serialize`] and [`JsonSchema`], which is a JSON answer with the schema of the type, or [`Attached`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a tool's answer",
    label = "not an answer",
    note = "a tool returns `T` or `Result<T, cofferdam_sdk::Error>`",
    note = "`T` is `Text`, `Output`, `Attached`, or a type that derives `serde::Serialize` and `schemars::JsonSchema`"
)]
pub trait Answer {
    /// JSON Schema (2020-12) of the JSON document in the answer, where it is one document of one type.
    fn schema() -> Option<String>;

    /// The answer as agents get it.
    ///
    /// # Errors
    ///
    /// The tool's own, or [`Error::internal`] where the answer has no JSON form.
    fn into_output(self) -> Result<Output, Error>;
}

impl<T: Serialize + JsonSchema> Answer for T {
    fn schema() -> Option<String> {
        schema::of_answer::<T>()
    }

    fn into_output(self) -> Result<Output, Error> {
        Output::json(&self)
    }
}

impl Answer for Text {
    fn schema() -> Option<String> {
        None
    }

    fn into_output(self) -> Result<Output, Error> {
        Ok(Output::text(self.0))
    }
}

impl Answer for Output {
    fn schema() -> Option<String> {
        None
    }

    fn into_output(self) -> Result<Output, Error> {
        Ok(self)
    }
}

impl<T: Serialize + JsonSchema> Answer for Attached<T> {
    fn schema() -> Option<String> {
        schema::of_answer::<T>()
    }

    fn into_output(self) -> Result<Output, Error> {
        Ok(self.1.into_iter().fold(Output::json(&self.0)?, Output::and))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_json_unless_it_is_text() {
        assert_eq!("two".to_owned().into_output().unwrap().as_json(), Some("two".into()));
        assert_eq!(Text("two".to_owned()).into_output().unwrap().as_text(), Some("two"));
        assert_eq!(u64::schema(), schema::of_answer::<u64>());
        assert_eq!(Text::schema(), None);
    }

    #[test]
    fn what_has_no_json_form_is_a_defect() {
        let map = std::collections::BTreeMap::from([(vec![1], 2)]);
        assert_eq!(Output::json(&map).unwrap_err().kind(), crate::ErrorKind::Internal);
    }

    #[test]
    fn what_is_attached_follows_the_answer() {
        let image = Blob { media_type: "image/png".to_owned(), name: None, data: vec![1] };
        let output = Attached(2_u64, vec![Content::Image(image)]).into_output().unwrap();
        assert!(matches!(output.content(), [Content::Json(answer), Content::Image(_)] if answer == "2"));
        assert_eq!(Attached::<u64>::schema(), u64::schema());
    }

    #[test]
    fn pieces_keep_their_order() {
        let output = Output::text("a").and_json(&1).unwrap().file("text/csv", "a.csv", "1,2").failed();
        assert!(output.is_error() && output.as_text().is_none());
        assert!(matches!(output.content(), [Content::Text(_), Content::Json(_), Content::File(_)]));
    }
}
