//! Tokens → expression.

use super::token::Token;
use super::{Expression, FilterError, Operator};

/// Parentheses and negations within each other.
const DEPTH: usize = 64;

pub(super) fn expression(tokens: Vec<Token>) -> Result<Expression, FilterError> {
    let mut parser = Parser {
        tokens: tokens.into_iter().peekable(),
    };
    if parser.tokens.peek().is_none() {
        return Ok(Expression::All(Vec::new()));
    }
    let whole = parser.all(DEPTH)?;
    match parser.tokens.next() {
        None => Ok(whole),
        Some(_) => Err(FilterError("a parenthesis is not opened".to_owned())),
    }
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
}

impl Parser {
    fn all(&mut self, depth: usize) -> Result<Expression, FilterError> {
        let mut parts = vec![self.any(depth)?];
        loop {
            match self.tokens.peek() {
                None | Some(Token::Close) => return Ok(one_or(parts, Expression::All)),
                Some(Token::And) => {
                    self.tokens.next();
                }
                Some(_) => {}
            }
            parts.push(self.any(depth)?);
        }
    }

    fn any(&mut self, depth: usize) -> Result<Expression, FilterError> {
        let mut parts = vec![self.part(depth)?];
        while self.tokens.next_if_eq(&Token::Or).is_some() {
            parts.push(self.part(depth)?);
        }
        Ok(one_or(parts, Expression::Any))
    }

    fn part(&mut self, depth: usize) -> Result<Expression, FilterError> {
        let depth = deeper(depth)?;
        match self.tokens.next() {
            Some(Token::Not | Token::Minus) => Ok(Expression::Not(Box::new(self.part(depth)?))),
            Some(Token::Open) => {
                let inner = self.all(depth)?;
                self.close()?;
                Ok(inner)
            }
            Some(Token::Quoted(text)) => self.compared(vec![text], depth),
            Some(Token::Word {
                segments,
                call: true,
            }) => self.function(&segments.join(".")),
            Some(Token::Word { segments, .. }) => self.compared(segments, depth),
            Some(_) => Err(FilterError("an operator stands alone".to_owned())),
            None => Err(FilterError("it ends too early".to_owned())),
        }
    }

    /// A path with what it is compared with, or text.
    fn compared(&mut self, path: Vec<String>, depth: usize) -> Result<Expression, FilterError> {
        let Some(Token::Operator(operator)) = self.tokens.peek() else {
            return Ok(Expression::Text(path.join(".")));
        };
        let operator = *operator;
        self.tokens.next();
        self.values(&path, operator, depth)
    }

    /// One value, or a term of values in parentheses.
    fn values(
        &mut self,
        path: &[String],
        operator: Operator,
        depth: usize,
    ) -> Result<Expression, FilterError> {
        let depth = deeper(depth)?;
        let compare = |value: String| Expression::Compare {
            path: path.to_vec(),
            operator,
            value,
        };
        match self.tokens.next() {
            Some(Token::Quoted(text)) => Ok(compare(text)),
            Some(Token::Word { segments, call }) if !call => Ok(compare(segments.join("."))),
            Some(Token::Minus) => match self.tokens.next() {
                Some(Token::Word { segments, .. }) => {
                    Ok(compare(format!("-{}", segments.join("."))))
                }
                _ => Err(FilterError("a value is missing".to_owned())),
            },
            Some(Token::Not) => Ok(Expression::Not(Box::new(
                self.values(path, operator, depth)?,
            ))),
            Some(Token::Open) => {
                let mut all = Vec::new();
                loop {
                    let mut any = vec![self.values(path, operator, depth)?];
                    while self.tokens.next_if_eq(&Token::Or).is_some() {
                        any.push(self.values(path, operator, depth)?);
                    }
                    all.push(one_or(any, Expression::Any));
                    if self.tokens.next_if_eq(&Token::Close).is_some() {
                        return Ok(one_or(all, Expression::All));
                    }
                    self.tokens.next_if_eq(&Token::And);
                }
            }
            _ => Err(FilterError("a value is missing".to_owned())),
        }
    }

    /// Only `log_id("…")` is evaluated. What a function is compared with is skipped.
    fn function(&mut self, name: &str) -> Result<Expression, FilterError> {
        self.tokens.next();
        let mut arguments = Vec::new();
        let mut open = 1_usize;
        while open > 0 {
            let token = self.tokens.next();
            match token {
                Some(Token::Open) => open += 1,
                Some(Token::Close) => open -= 1,
                None => return Err(FilterError("a parenthesis is not closed".to_owned())),
                Some(_) => {}
            }
            arguments.extend(token.filter(|_| open > 0));
        }
        if let Some(Token::Operator(_)) = self.tokens.peek() {
            self.tokens.next();
            self.values(&[], Operator::Equal, DEPTH)?;
        }
        match (name, arguments.as_slice()) {
            ("log_id", [Token::Quoted(id)]) => Ok(Expression::LogId(id.clone())),
            _ => Ok(Expression::Function(name.to_owned())),
        }
    }

    fn close(&mut self) -> Result<(), FilterError> {
        match self.tokens.next() {
            Some(Token::Close) => Ok(()),
            _ => Err(FilterError("a parenthesis is not closed".to_owned())),
        }
    }
}

fn deeper(depth: usize) -> Result<usize, FilterError> {
    depth
        .checked_sub(1)
        .ok_or_else(|| FilterError("it is nested too deeply".to_owned()))
}

fn one_or(mut parts: Vec<Expression>, many: fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.len() {
        1 => parts.remove(0),
        _ => many(parts),
    }
}
