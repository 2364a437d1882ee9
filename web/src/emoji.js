/* The usual emoji in groups, each with a few words by which it is found, English and Portuguese, without accents.
   Their names are not here: whoever reads the page out knows them in the reader's own language. Pure. */

const SMILEYS = `
😀 grin happy feliz sorriso|😄 happy laugh alegre|😁 grin teeth dentes|😅 sweat relief suor ufa|🤣 rofl lol gargalhada|😂 tears lol chorando rindo kkk
🙂 smile sorriso|🙃 upside down ironia|😉 wink piscada|😊 blush smile fofo|😇 angel anjo santo|🥰 love hearts apaixonado amor|😍 love eyes apaixonado lindo|🤩 star wow estrela uau
😘 kiss beijo|😋 yum delicia gostoso|😜 wink tongue lingua brincadeira|🤪 crazy zany doido louco
🤑 money dinheiro|🤗 hug abraco|🤭 oops giggle ops risinho|🤫 shush quiet silencio segredo|🤔 think hmm pensando|🤐 zip secret segredo|🤨 eyebrow doubt duvida|😐 neutral neutro
😶 silent mudo|😏 smirk malicia|😒 bored unamused tedio|🙄 eyeroll affe|😬 grimace awkward constrangido|😌 relieved aliviado|😔 sad pensive triste
🤤 drool baba|😴 sleep dormindo zzz|😷 mask sick mascara doente|🤒 fever sick febre doente|🤕 hurt machucado|🤢 nausea sick enjoo nojo|🤮 vomit vomito
🥵 hot calor|🥶 cold freezing frio|🥴 dizzy drunk tonto bebado|🤯 mind blown chocado|🤠 cowboy|🥳 party birthday festa aniversario
😎 cool sunglasses oculos legal|🤓 nerd|🧐 monocle curioso|😮 wow surprised uau surpreso
😲 shocked chocado|😳 flushed shy vergonha|🥺 please pleading por favor|😨 fear medo|😢 cry sad chorando triste|😭 sob cry chorando
😱 scream fear grito medo|😞 disappointed decepcionado|🥱 yawn bored sono tedio
😤 huff angry bufando|😡 angry raiva bravo|😠 angry raiva|🤬 swear cursing palavrao|😈 devil diabo|💀 skull dead caveira morri|💩 poop coco|🤡 clown palhaco|👻 ghost fantasma|👽 alien|🤖 robot robo|😺 cat gato|🙈 monkey see macaco vergonha|🙊 monkey speak macaco segredo
`;
const PEOPLE = `
👋 wave hello bye oi tchau|✋ hand stop high five mao pare|👌 ok perfeito|🤏 little pouco|✌️ peace victory paz|🤞 luck crossed sorte dedos|🤟 love you|🤘 rock|🤙 call hang loose beleza
👈 left esquerda|👉 right direita|👆 up cima|👇 down baixo|👍 like yes good sim joinha legal|👎 dislike no bad nao ruim|✊ fist punho|👏 clap bravo palmas parabens|🙌 hooray aleluia viva
🤝 deal handshake acordo|🙏 thanks please pray obrigado por favor reza|✍️ write escrever|💅 nails unhas|🤳 selfie|💪 strong muscle forte forca|👂 ear ouvido|🧠 brain cerebro|👀 eyes look olhos olha|👁️ eye olho
👶 baby bebe|🧒 child crianca|🧑 person pessoa|👴 old man vovo avo|👵 old woman vovo avo|🤷 shrug sei la|🤦 facepalm|🙋 raise hand me eu
🙅 no nao|🙇 bow sorry desculpa|🚶 walk andar|🏃 run correr|💃 dance dancar|🕺 dance dancar|🧘 yoga calma|👫 couple casal|👪 family familia|🎅 santa natal noel|🧑‍💻 work computer trabalho computador|🧑‍🏫 teacher professor
`;
const NATURE = `
🐶 dog cachorro|🐱 cat gato|🐰 rabbit coelho|🦊 fox raposa|🐻 bear urso|🐼 panda|🐯 tiger tigre|🦁 lion leao|🐸 frog sapo|🐵 monkey macaco|🐔 chicken galinha
🐧 penguin pinguim|🐦 bird passaro|🦉 owl coruja|🐴 horse cavalo|🦄 unicorn unicornio|🐝 bee abelha|🦋 butterfly borboleta|🕷️ spider aranha|🐢 turtle tartaruga|🐍 snake cobra
🐙 octopus polvo|🦀 crab caranguejo|🐬 dolphin golfinho|🐳 whale baleia|🐘 elephant elefante|🦥 sloth preguica|🦜 parrot papagaio|🐾 paws patas|🌵 cactus cacto|🎄 christmas tree arvore natal|🌳 tree arvore|🌴 palm palmeira coqueiro|🍀 luck clover sorte trevo
🍁 leaf autumn folha outono|💐 flowers buque flores|🌹 rose rosa flor|🌻 sunflower girassol|🌸 flower blossom flor|🌞 sun sol|🌙 moon night lua noite|⭐ star estrela|🌟 star estrela|✨ sparkles brilho|⚡ lightning raio|🔥 fire hot fogo|🌈 rainbow arco iris|☀️ sun sol|🌧️ rain chuva|❄️ snow cold neve frio|⛄ snowman neve|💧 drop water gota agua|🌊 wave sea onda mar
`;
const FOOD = `
🍎 apple maca|🍊 orange laranja|🍋 lemon limao|🍌 banana|🍉 watermelon melancia|🍇 grapes uva|🍓 strawberry morango|🍑 peach pessego|🥭 mango manga|🍍 pineapple abacaxi|🥥 coconut coco|🍅 tomato tomate|🥑 avocado abacate
🥕 carrot cenoura|🌶️ pepper hot pimenta|🍞 bread pao|🧀 cheese queijo|🥚 egg ovo|🍳 egg breakfast ovo cafe da manha|🥩 meat churrasco carne|🍗 chicken frango|🍔 burger hamburguer|🍟 fries batata frita|🍕 pizza|🌮 taco|🥗 salad salada
🍝 pasta macarrao|🍜 noodles sopa|🍣 sushi|🍚 rice arroz|🍦 ice cream sorvete|🍪 cookie biscoito|🎂 birthday cake bolo aniversario|🍰 cake bolo|🍫 chocolate|🍿 popcorn pipoca|☕ coffee cafe|🧉 mate chimarrao|🍺 beer cerveja|🍻 cheers beer cerveja saude brinde|🥂 cheers brinde|🍷 wine vinho|🍹 drink caipirinha|🍾 champagne
`;
const TRAVEL = `
🚗 car carro|🚌 bus onibus|🚲 bike bicicleta|🏍️ motorcycle moto|🚇 metro subway|✈️ plane flight aviao viagem|🚀 rocket foguete|⛵ boat barco|🚢 ship navio|⛽ gas gasolina|🚦 traffic semaforo
🗺️ map mapa|🏠 home house casa|🏢 office escritorio|🏥 hospital|🏫 school escola|⛪ church igreja|🏖️ beach praia|🏝️ island ilha|🏔️ mountain montanha|🌅 sunrise nascer do sol|🌃 night city noite cidade|🌍 world earth mundo|🧳 luggage mala|⏰ alarm clock despertador hora|⏳ wait hourglass espera
`;
const ACTIVITIES = `
⚽ soccer football futebol bola|🏀 basketball basquete|🎾 tennis tenis|🏐 volleyball volei|🏓 ping pong|🏄 surf|🏊 swim nadar|🚴 cycling pedalar|🎯 target dart alvo|🎮 game jogo|🎲 dice dado|🧩 puzzle quebra cabeca
🏆 trophy winner trofeu|🥇 gold first ouro primeiro|🏅 medal medalha|🎉 party congratulations festa parabens|🎈 balloon balao|🎁 gift present presente|🎆 fireworks fogos|🎭 theater teatro|🎨 art arte|🎬 movie filme cinema|🎤 microphone karaoke microfone|🎧 music headphones musica fone|🎸 guitar guitarra violao|🥁 drum bateria samba|🎶 music musica
`;
const OBJECTS = `
📱 phone celular|💻 laptop computer computador|📷 camera|📸 photo foto|🎥 video|📺 tv|🔋 battery bateria|💡 idea light ideia luz|💸 money dinheiro|💰 money dinheiro|💎 diamond diamante|🔧 tool ferramenta|⚙️ gear settings engrenagem|🔑 key chave|🔒 lock cadeado
🛏️ bed cama|🚿 shower banho|🛒 shopping cart compras mercado|👕 shirt camisa|👗 dress vestido|👟 shoe tenis|🩴 flip flop chinelo|👓 glasses oculos|🎒 backpack mochila|💍 ring marry alianca casamento|☂️ umbrella guarda chuva|💊 pill medicine remedio|💉 vaccine vacina
✉️ mail letter carta|📦 package pacote|📅 date calendar data agenda|📌 pin|✂️ scissors tesoura|📝 note write nota escrever|✏️ pencil lapis|📚 books livros|📖 book livro|📈 up chart grafico|🔍 search lupa buscar|🔔 bell sino|📣 announce megafone|💬 chat message mensagem|💭 thought pensamento|🗑️ trash lixo|🧸 teddy ursinho
`;
const SYMBOLS = `
❤️ love heart red amor coracao|🧡 heart orange coracao|💛 heart yellow coracao|💚 heart green coracao|💙 heart blue coracao|💜 heart purple coracao|🖤 heart black coracao|🤍 heart white coracao|🤎 heart brown coracao|💔 broken heart coracao partido|💕 hearts love amor|💞 hearts coracoes|💖 heart sparkle coracao
✅ yes done check sim feito|❌ no wrong nao errado|❓ question pergunta|❗ important importante|💯 hundred cem|⚠️ warning aviso cuidado|🚫 forbidden proibido|⛔ stop pare|🆗 ok|🆕 new novo|🆘 help socorro|♻️ recycle reciclar|💤 sleep sono zzz|💢 anger raiva|💥 boom explosao|💫 dizzy tonto|💦 sweat drops gotas suor
➡️ right direita|⬅️ left esquerda|🔄 again refresh de novo|🔜 soon logo|✔️ check certo|➕ plus mais|🟢 green verde|🔵 blue azul|🚩 flag bandeira|🏳️‍🌈 pride rainbow orgulho|🇧🇷 brazil brasil|🇵🇹 portugal|🇺🇸 usa eua|🇬🇧 uk inglaterra|🇦🇷 argentina|🇪🇸 spain espanha|🇫🇷 france franca|🇩🇪 germany alemanha|🇮🇹 italy italia|🇯🇵 japan japao
`;

const parsed = (group) =>
  group
    .trim()
    .split(/[\n|]/)
    .map((entry) => {
      const [emoji, ...words] = entry.split(" ");
      return { emoji, words };
    });

const SOURCES = new Map(Object.entries({ smileys: SMILEYS, people: PEOPLE, nature: NATURE, food: FOOD, travel: TRAVEL, activities: ACTIVITIES, objects: OBJECTS, symbols: SYMBOLS }));
let kept = null;

/** The groups by name, in their order; each emoji with its words. Read when they are first asked for. */
export const groups = () => (kept ??= new Map([...SOURCES].map(([name, source]) => [name, parsed(source)])));

const bare = (text) => text.toLowerCase().normalize("NFD").replace(/\p{M}/gu, "");

/** The emoji that what is typed finds: whole words first, then those that begin so. Every typed word has to be found. */
export const found = (typed) => {
  const sought = bare(typed).split(/\s+/).filter(Boolean);
  if (sought.length === 0) return [];
  const all = [...groups().values()].flat();
  const fits = all.filter(({ emoji, words }) => emoji === typed.trim() || sought.every((part) => words.some((word) => word.startsWith(part))));
  const exact = ({ words }) => sought.every((part) => words.includes(part));
  return [...fits.filter(exact), ...fits.filter((one) => !exact(one))].map(({ emoji }) => emoji);
};

export const RECENTS_MAX = 24;

/** Those used last, the newest first. */
export const withRecent = (recents, emoji) => [emoji, ...recents.filter((one) => one !== emoji)].slice(0, RECENTS_MAX);
