//! A filter's text → tokens.

use super::{FilterError, Operator};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Open,
    Close,
    Comma,
    Minus,
    Not,
    And,
    Or,
    Operator(Operator),
    /// A word without quotes, or a path: its segments, some of which may have been quoted.
    Word {
        segments: Vec<String>,
        /// An opening parenthesis follows without a space.
        call: bool,
    },
    Quoted(String),
}

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, FilterError> {
    let mut reader = Reader { rest: text };
    let mut tokens = Vec::new();
    while let Some(token) = reader.next()? {
        tokens.push(token);
    }
    Ok(tokens)
}

struct Reader<'a> {
    rest: &'a str,
}

const OPERATORS: [(&str, Operator); 9] = [
    ("=~", Operator::Matches),
    ("!~", Operator::DoesNotMatch),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("=", Operator::Equal),
    (":", Operator::Has),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

impl Reader<'_> {
    fn next(&mut self) -> Result<Option<Token>, FilterError> {
        self.skip_blanks();
        let Some(first) = self.rest.chars().next() else {
            return Ok(None);
        };
        if let Some((text, operator)) = OPERATORS
            .iter()
            .find(|(text, _)| self.rest.starts_with(text))
        {
            self.rest = &self.rest[text.len()..];
            return Ok(Some(Token::Operator(*operator)));
        }
        let single = match first {
            '(' => Some(Token::Open),
            ')' => Some(Token::Close),
            ',' => Some(Token::Comma),
            '-' => Some(Token::Minus),
            _ => None,
        };
        if let Some(token) = single {
            self.rest = &self.rest[1..];
            return Ok(Some(token));
        }
        self.word().map(Some)
    }

    /// White space, and comments: from `--` to the end of the line.
    fn skip_blanks(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            if !self.rest.starts_with("--") {
                return;
            }
            self.rest = self.rest.find('\n').map_or("", |end| &self.rest[end..]);
        }
    }

    fn word(&mut self) -> Result<Token, FilterError> {
        let mut segments = Vec::new();
        let mut quoted = false;
        loop {
            if self.rest.starts_with(['"', '\'']) {
                segments.push(self.quoted()?);
                quoted = true;
            } else {
                let end = self
                    .rest
                    .find(|c: char| !is_bare(c))
                    .unwrap_or(self.rest.len());
                if end == 0 {
                    let found: String = self.rest.chars().take(12).collect();
                    return Err(FilterError(format!("nothing may begin with {found:?}")));
                }
                segments.push(self.rest[..end].to_owned());
                self.rest = &self.rest[end..];
            }
            match self.rest.strip_prefix('.') {
                Some(rest) => self.rest = rest,
                None => break,
            }
        }
        Ok(match segments.as_slice() {
            [text] if quoted => Token::Quoted(text.clone()),
            [text] if text == "AND" => Token::And,
            [text] if text == "OR" => Token::Or,
            [text] if text == "NOT" => Token::Not,
            _ => Token::Word {
                segments,
                call: self.rest.starts_with('('),
            },
        })
    }

    fn quoted(&mut self) -> Result<String, FilterError> {
        let mut chars = self.rest.char_indices();
        let quote = chars.next().map(|(_, quote)| quote);
        let mut text = String::new();
        while let Some((at, char)) = chars.next() {
            if Some(char) == quote {
                self.rest = &self.rest[at + char.len_utf8()..];
                return Ok(text);
            }
            if char != '\\' {
                text.push(char);
                continue;
            }
            match chars.next() {
                Some((_, escaped @ ('"' | '\'' | '\\'))) => text.push(escaped),
                Some((_, 'n')) => text.push('\n'),
                Some((_, 't')) => text.push('\t'),
                Some((_, 'r')) => text.push('\r'),
                // Regular expressions keep their backslashes: `"\."`.
                Some((_, other)) => text.extend(['\\', other]),
                None => break,
            }
        }
        Err(FilterError("a quotation mark is not closed".to_owned()))
    }
}

fn is_bare(char: char) -> bool {
    !char.is_whitespace() && !"()=<>:!~,\"'.".contains(char)
}
