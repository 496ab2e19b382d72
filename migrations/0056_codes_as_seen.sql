-- Codes of lots and serial numbers that look the same are the same: characters that are not seen do not count, nor does the width of
-- letters and digits. Receipts are found by their supplier's number however it is written.

-- Who writes codes waits until their keys are made anew: with the function of before they would make old ones meanwhile.
lock table product_lots, serials, count_line_lots in share row exclusive mode;

-- How people see a code: without characters that are not seen (Unicode's Default_Ignorable_Code_Point: soft hyphens, joiners, marks of
-- direction, byte order marks), wide and half-wide forms as the usual ones, without blanks around it, one blank for any number within, in
-- one Unicode form, whatever its case. `codeKey` of domain/stock/tracking/rules.ts is the same.
create or replace function code_key(given text) returns text language sql immutable strict parallel safe as $$
  select lower(normalize(btrim(regexp_replace(translate(
    regexp_replace(given,
      '[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+',
      '', 'g'),
    '！＂＃＄％＆＇（）＊＋，－．／０１２３４５６７８９：；＜＝＞？＠ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺ［＼］＾＿｀ａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ｛｜｝～｡｢｣､･ｦｧｨｩｪｫｬｭｮｯｰｱｲｳｴｵｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾅﾆﾇﾈﾉﾊﾋﾌﾍﾎﾏﾐﾑﾒﾓﾔﾕﾖﾗﾘﾙﾚﾛﾜﾝﾞﾟ￠￡￢￤￥￦',
    '!"#$%&''()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_`abcdefghijklmnopqrstuvwxyz{|}~。「」、・ヲァィゥェォャュョッーアイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン゙゚¢£¬¦¥₩'),
    '[\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u2800\u3000]+', ' ', 'g')), NFC)
    collate pg_c_utf8)
$$;

-- Keys that change: only those of codes with other than ASCII characters can. Where another row of the product has the new key, the row
-- keeps its own with its id behind it, and is found by its very text. Keys with an id behind them stay.
update product_lots m set code_key = case when n.is_taken then n.key || ' #' || m.id else n.key end
from (
  select c.id, c.key, c.nth > 1 or exists (
           select from product_lots o where o.product_id = c.product_id and o.code_key = c.key and o.id <> c.id) as is_taken
  from (select id, product_id, code_key(code) as key, row_number() over (partition by product_id, code_key(code) order by id) as nth
        from product_lots
        where octet_length(code) > char_length(code) and code_key(code) <> code_key and code_key not like '% #' || id) c
) n
where n.id = m.id;
update serials s set serial_key = case when n.is_taken then n.key || ' #' || s.id else n.key end
from (
  select c.id, c.key, c.nth > 1 or exists (
           select from serials o where o.product_id = c.product_id and o.serial_key = c.key and o.id <> c.id) as is_taken
  from (select id, product_id, code_key(serial) as key,
               row_number() over (partition by product_id, code_key(serial) order by id) as nth
        from serials
        where octet_length(serial) > char_length(serial) and code_key(serial) <> serial_key and serial_key not like '% #' || id) c
) n
where n.id = s.id;
update count_line_lots l set code_key = code_key(l.code)
where octet_length(l.code) > char_length(l.code) and code_key(l.code) <> l.code_key
  and (select count(*) from count_line_lots o where o.sheet_id = l.sheet_id and o.product_id = l.product_id
         and code_key(l.code) in (o.code_key, code_key(o.code))) = 1;

-- A supplier's number of a document, however it is written: its letters and digits, wide ones as the usual ones (NFKC), in small
-- letters, a blank wherever anything that separates stands, or a letter and a digit meet. So `DN-1001`, `dn 1001` and `DN1001` are one, `DN-1-11` and
-- `DN-11-1` are two, as are `DN-1001` and `DN-01001`. Other marks count. Of what is only separators, nothing is left. It calls no
-- function of ours: an index is on it.
create function document_key(given text) returns text language sql immutable strict parallel safe as $$
  select btrim(regexp_replace(regexp_replace(regexp_replace(
    lower(normalize(given, NFKC) collate pg_c_utf8),
    '[\u0001-\u0020\u0022\u0027\u002c-\u002f\u003a\u003b\u005c\u005f\u007c\u007f-\u00a0\u00ad\u00b7\u034f\u061c\u1680\u180e\u2000-\u2015\u2018-\u201f\u2022\u2024-\u202f\u205f-\u206f\u2212\u2800\u3000\u30fb\ufe00-\ufe0f\ufeff]+', ' ', 'g'),
    '([[:alpha:]])([[:digit:]])', '\1 \2', 'g'),
    '([[:digit:]])([[:alpha:]])', '\1 \2', 'g'))
$$;
