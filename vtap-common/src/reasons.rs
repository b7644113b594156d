//! A macro to declare an enum of reasons together with their names in the statistics.

/// Each variant needs a doc comment and a name. The discriminants are the indices of the counters.
macro_rules! reasons {
    ($(#[$attr:meta])* pub enum $name:ident {
        $($(#[doc = $doc:literal])+ $variant:ident = $text:literal,)+
    }) => {
        $(#[$attr])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u32)]
        pub enum $name { $($(#[doc = $doc])+ $variant,)+ }

        impl $name {
            /// All variants, in the order of their counters.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// The number of variants.
            pub const COUNT: usize = Self::ALL.len();

            /// The name of this variant in the output of `--stats-json`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}
pub(crate) use reasons;
