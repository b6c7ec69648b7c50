//! The type of a value, and how it is written out again.

/// The type that a value must have.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    Any,
    Null,
    Text,
    Flag,
    Whole,
    Number,
    /// One of these words.
    Word(&'static [&'static str]),
    /// When an image is pulled: a word, or `every_12h`.
    PullPolicy,
    /// A duration such as `1m30s`.
    Period,
    /// A mapping with known keys.
    Table(&'static Table),
    /// A mapping of names that the user chooses.
    Names(&'static Shape),
    /// A mapping of any keys.
    Keys(&'static Shape),
    List(&'static Shape),
    /// A list that may not repeat a value.
    Set(&'static Shape),
    /// One of several types.
    Either(&'static [Shape]),
}

/// How a value is written into the resolved model. What Compose leaves out when it is empty is left out.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    /// Not written: it is resolved into other keys.
    Omit,
    /// Any scalar, as text.
    Text,
    /// A boolean.
    Flag,
    /// A boolean that is written even when it is false.
    SetFlag,
    /// A whole number.
    Whole,
    /// A number that is written even when it is 0.
    SetWhole,
    /// A number.
    Number,
    /// A size such as `64m`, in bytes, as text.
    Bytes,
    /// A duration.
    Period,
    /// A duration that is written even when it is 0.
    SetPeriod,
    /// `all` is -1.
    DeviceCount,
    /// A list of texts; a single text is a list of one.
    Texts,
    /// A mapping of texts, or a list of `key=value`.
    Pairs,
    /// The same with keys that may have no value.
    OpenPairs,
    /// A mapping of lists of texts; a single text is a list of one.
    TextLists,
    /// A mapping of hosts to addresses, as a sorted list of `host=address`.
    Hosts,
    /// Words, or text to be split into words; written as `null` when there is none.
    Words,
    /// Words, or a line for the shell.
    Test,
    /// A mapping with known keys.
    Table(&'static Table),
    /// A list of them.
    Tables(&'static Table),
    /// A mapping of names to them.
    TableMap(&'static Table),
    /// A mapping of names to numbers, or to a soft and a hard one.
    Ulimits,
    /// A list of keys, with their paths where they are given.
    Ssh,
}

/// A mapping with known keys.
#[derive(Debug)]
pub struct Table {
    /// The keys.
    pub fields: &'static [Field],
    /// Whether keys that begin with `x-` are taken.
    pub(crate) extensible: bool,
    /// Keys that must be there.
    pub(crate) required: &'static [&'static str],
    /// Keys that are written as an empty mapping when they are missing.
    pub always: &'static [&'static str],
}

/// One known key.
#[derive(Debug)]
pub struct Field {
    /// The key in a file.
    pub key: &'static str,
    /// The key in the resolved model, which for some of Compose's own types differs.
    pub written: &'static str,
    pub(crate) shape: Shape,
    /// How its value is written.
    pub form: Form,
}

pub(crate) const fn field(key: &'static str, shape: Shape, form: Form) -> Field {
    Field { key, written: key, shape, form }
}

pub(crate) const fn table(fields: &'static [Field]) -> Table {
    Table { fields, extensible: true, required: &[], always: &[] }
}

pub(crate) const fn closed(fields: &'static [Field]) -> Table {
    Table { fields, extensible: false, required: &[], always: &[] }
}

pub(crate) const TEXTS: Shape = Shape::List(&Shape::Text);
pub(crate) const TEXT_SET: Shape = Shape::Set(&Shape::Text);
pub(crate) const TEXT_OR_SET: Shape = Shape::Either(&[Shape::Text, TEXT_SET]);
pub(crate) const NUMBER_OR_TEXT: Shape = Shape::Either(&[Shape::Number, Shape::Text]);
pub(crate) const FLAG: Shape = Shape::Either(&[Shape::Flag, Shape::Text]);
pub(crate) const WHOLE_OR_TEXT: Shape = Shape::Either(&[Shape::Whole, Shape::Text]);
pub(crate) const SCALAR: Shape = Shape::Either(&[Shape::Text, Shape::Number, Shape::Flag, Shape::Null]);
pub(crate) const PAIRS: Shape = Shape::Either(&[Shape::Keys(&SCALAR), TEXT_SET]);
pub(crate) const HOSTS: Shape =
    Shape::Either(&[Shape::Keys(&Shape::Either(&[Shape::Text, TEXTS])), TEXT_SET]);
pub(crate) const OPTIONS: Shape = Shape::Keys(&Shape::Either(&[Shape::Text, Shape::Number]));
pub(crate) const COMMAND: Shape = Shape::Either(&[Shape::Null, Shape::Text, TEXTS]);
